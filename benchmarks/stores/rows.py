"""The size of very many rows in PostgreSQL: copies of one, inserted by plain SQL, with different ids and versions."""

from ..plan import Plan
from ..runs import Row
from .places import Place

ROWS, BODIES = "rows", "bodies"
_TABLES = ("image", "body")


def row_bytes(place: Place, plan: Plan) -> Row:
    """Fill the tables of a place with bodies in a bucket, and return the bytes of rows and indexes for each image."""
    assert place.cluster is not None
    schema = place.schema
    place.cluster.run(_FILL.format(schema=schema, count=plan.stores_rows))
    for table in _TABLES:
        place.cluster.run(f"VACUUM ANALYZE {schema}.{table}")
    found: Row = {"contestant": place.name, "load": ROWS, "rows": plan.stores_rows}
    for table in _TABLES:
        count = int(place.cluster.run(f"SELECT count(*) FROM {schema}.{table}"))
        for part, function in {"table": "pg_table_size", "indexes": "pg_indexes_size"}.items():
            size = int(place.cluster.run(f"SELECT {function}('{schema}.{table}')"))
            found[f"{table}_{part}_bytes"] = round(size / count, 1)
    return found


def body_bytes(place: Place) -> Row:
    """Return the database's bytes for each byte of the bodies that it stores."""
    assert place.cluster is not None
    taken = f"SELECT pg_total_relation_size('{place.schema}.chunk')"
    stored = f"SELECT sum(octet_length(data)) FROM {place.schema}.chunk"
    share = int(place.cluster.run(taken)) / int(place.cluster.run(stored))
    return {"contestant": place.name, "load": BODIES, "bytes_per_byte": round(share, 4)}


_FILL = """
WITH made AS MATERIALIZED (
    SELECT substr(encode(sha256(number::text::bytea), 'base64'), 1, 22) AS name,
        substr(sha256(number::text::bytea), 1, 16) AS version
    FROM generate_series(1, {count}) AS number
), body AS (
    INSERT INTO {schema}.body (state, object) SELECT 1, version FROM made RETURNING id, object
), first AS (SELECT * FROM {schema}.image WHERE body IS NOT NULL LIMIT 1)
INSERT INTO {schema}.image
    SELECT 'bench:' || made.name, token, body.id, made.version, format, iv, tag, size, sha256, wrapped_key, created_ms,
        epoch
    FROM made JOIN body ON body.object = made.version, first
"""
