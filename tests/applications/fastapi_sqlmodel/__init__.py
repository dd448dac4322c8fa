"""A restaurant's dishes, each with a picture: FastAPI with SQLModel sessions and routes that are not async."""
