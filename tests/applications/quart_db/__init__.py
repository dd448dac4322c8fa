"""A shelter's pets, each with a picture: Quart with quart-db on SQLite."""
