"""Long-term care of a store: verify it, count its images, and check its machine."""
