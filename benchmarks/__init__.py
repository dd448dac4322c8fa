"""Measures pixstore_asgi and its alternatives in the same run (README.md)."""
