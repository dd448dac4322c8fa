"""Secrets: where they come from, whether they are those that the store was written with, and how one is replaced."""
