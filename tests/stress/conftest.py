"""The stores that are put under stress."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, as tests.stress.stores is told of it."""
    if request.param == "sqlite":
        return str(tmp_path / "images.db")
    url = request.getfixturevalue("postgres").url()
    return f"{url}?schema=stress_{abs(hash(tmp_path))}"
