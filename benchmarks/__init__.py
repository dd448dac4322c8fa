"""Measures pixstore_asgi, and what one would use in its place, in the same run (README.md)."""
