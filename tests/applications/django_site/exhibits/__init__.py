"""The exhibits of the museum."""
