"""The PostgreSQL store's tables and their migrations. Several processes may start a migration at the same time.

A body has a row in {body}, and chunks of 256 KiB or an object in an object store. {image} points to the current body.
A replaced, deleted or abandoned body is marked, and gc removes it after the grace period, by the database's clock. A
deleted image's row stays, with its last token and epoch. Ids are compared by code point. The id of a body does not come
from the sequence, except in earlier versions of this package: see `_ADD_ROW` in transaction.py.
"""

import secrets

import asyncpg

from ...core.images import DATABASE_ID_BYTES, database_id_of
from ...errors import StoreBusy, StoreError
from .transaction import Transaction, ended_in_time

_VERSION_1 = """
CREATE TABLE {store} (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    schema_version integer NOT NULL,
    database_id bytea NOT NULL CHECK (length(database_id) = 16)
);
CREATE TABLE {body} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state smallint NOT NULL CHECK (state BETWEEN 0 AND 2),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    object bytea CHECK (length(object) = 16),
    removing boolean NOT NULL DEFAULT false
);
CREATE INDEX body_to_sweep ON {body} (changed_at) WHERE state <> 1;
CREATE INDEX body_by_object ON {body} (object) WHERE object IS NOT NULL;
CREATE TABLE {chunk} (
    body bigint NOT NULL,
    number integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (body, number)
);
ALTER TABLE {chunk} ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE {image} (
    id text COLLATE "C" PRIMARY KEY,
    token bigint NOT NULL CHECK (token BETWEEN 1 AND 9007199254740991),
    body bigint,
    version bytea CHECK (length(version) = 16),
    format smallint CHECK (format BETWEEN 1 AND 255),
    iv bytea CHECK (length(iv) = 12),
    tag bytea CHECK (length(tag) = 16),
    size bigint CHECK (size > 0),
    sha256 bytea CHECK (length(sha256) = 32),
    wrapped_key bytea CHECK (length(wrapped_key) > 0),
    created_ms bigint,
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch BETWEEN 0 AND 4294967295)
);
CREATE TABLE {key_check} (value bytea PRIMARY KEY, retired boolean NOT NULL);
"""

# Changes no table. The version keeps earlier versions of this package out: they would not delete variants.
_VERSION_2 = "SELECT"

_VERSION_3 = "ALTER TABLE {image} ADD COLUMN checksum bigint"  # NULL in older rows; see rules.checksum_of

# With the size in the index, the images of a directory are counted without reading their rows: ten times as fast.
_VERSION_4 = """
CREATE UNIQUE INDEX image_with_size ON {image} (id) INCLUDE (size);
ALTER TABLE {image} DROP CONSTRAINT image_pkey, ADD CONSTRAINT image_pkey PRIMARY KEY USING INDEX image_with_size;
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
"""MIGRATIONS[n] brings a schema of version n to n + 1."""


_LOCK_TIMEOUT_MS = 200


async def prepare(tx: Transaction) -> None:
    """Create or migrate the tables if needed.

    Raises StoreError if a newer version of this package made them, StoreBusy if another transaction uses them.
    """
    if await _version(tx) != len(MIGRATIONS):
        async with ended_in_time(tx.connection.transaction(isolation="read_committed")):
            await tx.lock("schema")
            # While the migration waits for a backup's lock on a table, all other users of the table wait behind it.
            await tx.run(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
            await _migrate(tx, await _version(tx))


async def is_made(tx: Transaction) -> bool:
    """Return whether the tables exist."""
    return await _version(tx) > 0


async def place(tx: Transaction) -> tuple[object, ...]:
    """Return a value that identifies these tables. Tables in another schema, database, server or copy of this server
    have another value.
    """
    query = (
        "SELECT pg_postmaster_start_time(), oid, '{store}'::regclass::oid"
        " FROM pg_database WHERE datname = current_database()"
    )
    found = await tx.one(query)
    assert found is not None
    return found


async def _version(tx: Transaction) -> int:
    """Return the schema's version, 0 if there are no tables."""
    # From a catalog table: functions that look names up may answer with the state before the wait for the lock.
    if not await tx.one("SELECT 1 FROM pg_tables WHERE schemaname = '{schema}' AND tablename = 'store'"):
        return 0
    row = await tx.one("SELECT schema_version FROM {store}")
    if row is None:
        raise StoreError(f"the tables in schema {tx.names.schema} are damaged: restore them from a backup")
    version = int(row[0])
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the tables in schema {tx.names.schema} are of version {version}, and this pixstore_asgi knows "
            f"{len(MIGRATIONS)}: install a newer one"
        )
    return version


async def _migrate(tx: Transaction, version: int) -> None:
    if version == len(MIGRATIONS):  # another process was faster
        return
    if version == 0 and not await tx.one("SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'"):
        await tx.run("CREATE SCHEMA {schema}")
    try:
        for statements in MIGRATIONS[version:]:
            await tx.run(statements)
    except asyncpg.LockNotAvailableError:
        raise StoreBusy(
            f"the tables in schema {tx.names.schema} must be migrated, but a backup or an open "
            f"transaction uses them: start again when it has ended"
        ) from None
    if version == 0:
        database_id = database_id_of(secrets.token_bytes(DATABASE_ID_BYTES - 1))
        await tx.run("INSERT INTO {store} VALUES (true, $1, $2)", len(MIGRATIONS), database_id)
    else:
        await tx.run("UPDATE {store} SET schema_version = $1", len(MIGRATIONS))
