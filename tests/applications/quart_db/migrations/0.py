"""The tables."""

from quart_db import Connection


async def migrate(connection: Connection) -> None:
    await connection.execute(
        "CREATE TABLE keeper (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, password BLOB NOT NULL)"
    )
    await connection.execute(
        "CREATE TABLE pet (id INTEGER PRIMARY KEY, name TEXT NOT NULL, keeper INTEGER NOT NULL REFERENCES keeper, "
        "picture TEXT NOT NULL)"
    )
