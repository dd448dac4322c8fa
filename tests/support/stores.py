"""The stores beside SQLite alone, as an application is told of them."""

import itertools
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pixstore_asgi.store.files import BodyFolder

if TYPE_CHECKING:
    from tests.support.postgres import Cluster
    from tests.support.s3 import S3Server

STORES = ("postgres", "sqlite+files", "sqlite+s3", "postgres+s3")
MIXED = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.soak),
    pytest.param("sqlite+files", marks=pytest.mark.soak),
    pytest.param("sqlite+s3", marks=pytest.mark.soak),
    "postgres+s3",
]
"""All stores. By default a long test has two of them, which are made of the parts of the others."""
_numbers = itertools.count(1)


class Place(NamedTuple):
    """Where images are kept. database: a path or URL. blobs: the URL of the bodies, if they are not with the rows.

    environment: the variables that clients of the bucket read.
    """

    database: str
    blobs: str | None
    environment: Mapping[str, str]


def new_place(store: str, folder: Path, request: pytest.FixtureRequest) -> Place:
    """Return an empty place of one of STORES for one test; the servers that it needs are started."""
    name, database = f"place_{os.getpid()}_{next(_numbers)}", str(folder / "pixstore.db")
    if "postgres" in store:
        cluster: Cluster = request.getfixturevalue("postgres")
        request.addfinalizer((lending := ExitStack()).close)
        database = lending.enter_context(cluster.lent())
    if "files" in store:
        if request.scope == "function":  # most tests have short bodies; a server gets long ones
            request.getfixturevalue("monkeypatch").setattr(BodyFolder, "smallest_bytes", 1)
        return Place(database, str(folder / "bodies"), {})
    if "s3" not in store:
        return Place(database, None, {})
    s3: S3Server = request.getfixturevalue("s3_server")
    return Place(database, s3.url(name), s3.environment)
