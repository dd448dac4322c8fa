"""Look after a store for years: verify it, count its images, and check its machine."""
