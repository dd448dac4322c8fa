"""From a path or a URL to a store: the driver, and the refusals."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import PostgresDsn
from sqlalchemy import make_url

from pixstore_asgi import ConfigError
from pixstore_asgi.store.connect import DRIVERS, Driver, bodies_at, connect
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.sqlite import SqliteStore

SQLALCHEMY_URL = make_url("postgresql+psycopg://u:hunter2@h/db")


@pytest.mark.parametrize(
    "target", ["some/pix.db", Path("some/pix.db"), "sqlite:///some/pix.db", "SQLITE:///some/pix.db"]
)
def test_a_path_and_its_url_are_one_database(target: str | Path) -> None:
    """A path as text, as a Path and in a sqlite URL name the same file."""
    store = connect(target)
    assert isinstance(store, SqliteStore)
    assert store.path == Path("some/pix.db").absolute()


def test_a_store_is_itself() -> None:
    """A store that is passed is the store that is used."""
    store = MemoryStore()
    assert connect(store) is store


def test_a_url_is_handed_to_the_driver_of_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's driver gets the URL as it was written, and returns the store."""
    asked: list[str] = []

    def make(url: str, bodies: object, clock_ms: object) -> MemoryStore:
        asked.append(url)
        return MemoryStore()

    monkeypatch.setitem(DRIVERS, "mem", Driver("mem://name", make))
    assert isinstance(connect("mem://user:pass%20word@host/a?b=c"), MemoryStore)
    assert asked == ["mem://user:pass%20word@host/a?b=c"]


def test_an_unknown_scheme_is_answered_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the scheme and an example of each that is known, and nothing else of the URL."""
    monkeypatch.setitem(DRIVERS, "mem", Driver("mem://name", lambda url, bodies, clock_ms: MemoryStore()))
    with pytest.raises(ConfigError) as caught:
        connect("mysql://user:hunter2@host/db")
    assert str(caught.value) == (
        "there is no store for mysql://…; known are sqlite:///path/to/pixstore.db or postgresql://user@host/database"
        " or mem://name"
    )


NO_STORES = [
    "",
    ":memory:",
    "a\0b",
    "\ud800",
    "sqlite://",
    "sqlite:///",
    "sqlite://host/path",
    "sqlite:///a?mode=ro",
    "sqlite:a.db",
]


@pytest.mark.parametrize(
    "target",
    ["postgresql:/u:hunter2@h/db", "postgres:u:hunter2@h", "postgres//u:hunter2@h/db", "host=h password = hunter2"],
)
def test_postgresql_named_otherwise_is_no_path(target: str) -> None:
    """A malformed PostgreSQL URL is refused without being repeated, because it may hold a password."""
    with pytest.raises(ConfigError, match="PostgreSQL needs a URL, such as postgresql://user@host/database") as caught:
        connect(target)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "advice"),
    [
        (SQLALCHEMY_URL, r"render_as_string\(hide_password=False\)"),
        (SQLALCHEMY_URL.render_as_string(hide_password=False), r"drop \+psycopg, so that the URL is postgresql://…"),
        (str(SQLALCHEMY_URL.set(drivername="postgresql")), r"render_as_string\(hide_password=False\)"),
        (PostgresDsn("postgresql://u:hunter2@h/db"), r"for Pydantic's URL pass str\(url\)"),
        ("sqlite+aiosqlite:///a.db", r"drop \+aiosqlite, so that the URL is sqlite://…"),
    ],
)
def test_urls_of_other_libraries_are_refused_with_advice(target: Any, advice: str) -> None:
    """A URL object, and a URL with a driver or a hidden password, is refused with the text to pass in its place."""
    with pytest.raises(ConfigError, match=advice) as caught:
        connect(target)
    assert "hunter2" not in str(caught.value)


def test_urls_of_other_libraries_can_be_converted() -> None:
    """The text that the advice names is taken."""
    url = SQLALCHEMY_URL.set(drivername="postgresql").render_as_string(hide_password=False)
    assert isinstance(connect(url), PostgresStore)
    assert isinstance(connect(str(PostgresDsn("postgresql://u:hunter2@h/db"))), PostgresStore)


@pytest.mark.parametrize("target", [*NO_STORES, "://x", "http://[", b"pix.db", 7, None])
def test_what_names_no_store_is_refused(target: Any) -> None:
    """A value that is not a path, a store's URL or a store is a ConfigError."""
    with pytest.raises(ConfigError):
        connect(target)


def test_one_place_of_a_bucket_is_known_by_any_spelling() -> None:
    """A slash at the end or a region is no other place; another prefix or endpoint is."""
    place = bodies_at("s3://bucket/prefix").place
    same = ("s3://bucket/prefix/", "s3://bucket/prefix?region=x")
    assert [bodies_at(url).place == place for url in same] == [True] * 2
    others = ("s3://bucket/other", "s3://prefix/bucket", "s3://bucket/prefix?endpoint=http://127.0.0.1:1")
    assert [bodies_at(url).place == place for url in others] == [False] * 3
