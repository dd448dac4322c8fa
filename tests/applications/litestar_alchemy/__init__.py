"""A club's posts, each with a picture: Litestar with advanced-alchemy on SQLite."""
