"""The stores that are put under stress."""

from pathlib import Path

import pytest

# The long ones have the same rows or the same bodies as the others.
LONG = [pytest.param(name, marks=pytest.mark.soak) for name in ("postgres", "sqlite-s3")]
FILES = "sqlite-files"
WITH_FILES = ["sqlite", FILES, "postgres-s3", *LONG]
"""Stores for a test that also runs with files by default."""
BLOBS = [pytest.param("", id="rows"), pytest.param(" {}/bodies 1", id="files", marks=pytest.mark.soak)]
"""Ends of a target in SQLite, with the test's folder to fill in: all bodies in the database, and all in files."""


@pytest.fixture(params=["sqlite", "postgres-s3", *LONG, pytest.param(FILES, marks=pytest.mark.soak)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, as tests.stress.stores is told of it."""
    name = f"stress-{abs(hash(tmp_path))}"
    rows, _, bodies = request.param.partition("-")
    place = str(tmp_path / "images.db")
    if rows == "postgres":
        place = f"{request.getfixturevalue('postgres').url()}?schema={name.replace('-', '_')}"
    if bodies == "files":
        return f"{place} {tmp_path / 'bodies'}"
    return f"{place} {request.getfixturevalue('s3').url(name)}" if bodies else place
