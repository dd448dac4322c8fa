"""Secrets: reads them, checks that they fit the store, and rotates them."""
