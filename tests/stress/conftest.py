"""The stores that are put under stress."""

from pathlib import Path

import pytest

# Those that are long are made of the parts of the other two.
LONG = [pytest.param(name, marks=pytest.mark.soak) for name in ("postgres", "sqlite-s3")]


@pytest.fixture(params=["sqlite", "postgres-s3", *LONG])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, as tests.stress.stores is told of it."""
    name = f"stress-{abs(hash(tmp_path))}"
    rows, _, bodies = request.param.partition("-")
    place = str(tmp_path / "images.db")
    if rows == "postgres":
        place = f"{request.getfixturevalue('postgres').url()}?schema={name.replace('-', '_')}"
    return f"{place} {request.getfixturevalue('s3').url(name)}" if bodies else place
