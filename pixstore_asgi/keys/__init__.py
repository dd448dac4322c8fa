"""Secrets: their source, the check that they are those of the store, and their rotation."""
