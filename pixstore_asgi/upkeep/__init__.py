"""Looks after a store: verifies it, counts its images, and checks its machine."""
