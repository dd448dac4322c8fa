"""Secrets: where they come from, and whether they are those that the store was written with."""
