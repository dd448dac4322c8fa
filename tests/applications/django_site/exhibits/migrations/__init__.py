"""The migrations of the exhibits."""
