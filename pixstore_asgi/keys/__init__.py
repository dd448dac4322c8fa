"""Secrets: their source, the check that they fit the store, and their rotation."""
