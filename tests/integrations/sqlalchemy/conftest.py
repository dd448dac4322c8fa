"""The application of posts on each database and driver."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixstore_asgi import Pixstore
from tests.integrations.sqlalchemy.posts import World
from tests.support.samples import SECRET

if TYPE_CHECKING:
    from tests.support.postgres import Cluster

FULL = ["sqlite", "aiosqlite", "postgres asyncpg in transaction"]


@pytest.fixture(params=FULL)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kind: str = request.param
    if "postgres" not in kind:
        driver = "sqlite" if kind == "sqlite" else "sqlite+aiosqlite"
        store = f"{tmp_path}/pixstore.db"
        yield World(f"{driver}:///{tmp_path}/app.db", Pixstore(store, secret=SECRET), store=store)
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    in_transaction = kind.endswith("in transaction")
    with cluster.lent() as url:
        store = url if in_transaction else f"{tmp_path}/pixstore.db"
        pix = Pixstore(store, secret=SECRET)
        driver = f"postgresql+{kind.split()[1]}:"
        yield World(url.replace("postgresql:", driver), pix, store=store, in_transaction=in_transaction)
