"""Deletes pictures that no row names. Before each deletion it asks the database, under a lock on the picture's id.

A transaction that names the picture of another row takes the same lock (`lock_named`), checks that the picture exists,
and holds the lock to its end. So either it finds that the picture is gone, or the question finds its row.

A table that the question does not see has no rows, so a hook always asks the column that has named the picture, and its
absence is an error.

PostgreSQL has advisory locks. SQLite has one writer at a time. On other databases a hook deletes nothing, and `unnamed`
finds the pictures.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any, Protocol

from ..core.events import event
from ..core.images import ImageInfo

PAGE = 50
"""The pictures of one question. Until it has deleted them, it keeps other transactions from naming them."""

_log = logging.getLogger("pixstore_asgi")
_LOCK_SPACE = 0x70697873  # "pixs": the first of the two numbers of each advisory lock
_LOCKS = 4096  # several ids share one lock, because PostgreSQL has room for about 6,400 locks by default


class Images(Protocol):
    """The methods of SyncPixstore that are called here."""

    def list_images(self, *, directory: str | None, after: str | None, limit: int) -> Sequence[ImageInfo]: ...
    def delete_image(self, image_id: str) -> object: ...


class Rows(Protocol):
    """The rows of one database, within one transaction.

    vendor: the name of the database: "postgresql", "sqlite" or another one.
    """

    vendor: str

    def run(self, statement: str) -> Sequence[Any]:
        """Run a statement, and return the first column of its rows, if it has any."""

    def begin_writing(self) -> None:
        """Run a statement that writes nothing, with which SQLite begins to lock out other writers."""

    def named_among(self, image_ids: Collection[str]) -> Collection[str]:
        """Return those of the ids that a row names."""


Begin = Callable[[], AbstractContextManager[Sequence[Rows]]]
"""Begins a transaction of its own for one question, in each database."""


def can_lock(vendor: str) -> bool:
    """Return whether hooks may delete pictures on this database."""
    return vendor in ("postgresql", "sqlite")


def place_of(rows: Rows) -> str:
    """Return the schemas in which this transaction finds its tables, as another transaction can set them."""
    if rows.vendor != "postgresql":
        return ""
    # Resolved, because "$user" in search_path depends on the role.
    return str(rows.run("SELECT array_to_string(ARRAY(SELECT quote_ident(unnest(current_schemas(false)))), ', ')")[0])


def prepare_question(rows: Rows, place: str = "") -> None:
    """Prepare a new transaction for a question. It fails if a policy of row-level security could hide rows."""
    if rows.vendor == "postgresql":
        quoted = place.replace("'", "''")
        rows.run("SET LOCAL row_security = off")
        rows.run(f"SELECT set_config('search_path', '{quoted}', true) WHERE '{quoted}' <> ''")


def lock_named(rows: Rows, image_id: str) -> None:
    """Keep others from deleting a picture until the transaction ends. Wait for a deletion that has begun."""
    if rows.vendor == "postgresql":
        rows.run(f"SELECT pg_advisory_xact_lock_shared({_LOCK_SPACE}, {_lock_of(image_id)})")
    elif rows.vendor == "sqlite":
        rows.begin_writing()


def delete_unnamed(databases: Sequence[Rows], image_ids: Collection[str], delete: Callable[[str], object]) -> list[str]:
    """Delete the pictures that no row names, and return their ids.

    It leaves a picture that another transaction has locked. Waiting for that lock could end in a deadlock.
    """
    for rows in databases:
        image_ids = _lock_to_delete(rows, image_ids)
    unnamed = _unnamed_among(databases, image_ids)
    for image_id in unnamed:
        delete(image_id)
    return unnamed


def delete_after_commit(begin: Begin, image_ids: Collection[str], delete: Callable[[str], object]) -> None:
    """Delete the pictures that no row names. Log a failure, because the caller's transaction has ended."""
    for page in _pages(sorted(image_ids)):
        left = set(page)

        def delete_one(image_id: str, left: set[str] = left) -> None:
            delete(image_id)
            left.remove(image_id)

        try:
            with begin() as databases:
                delete_unnamed(databases, page, delete_one)
        except Exception as error:
            ids = ", ".join(sorted(left))
            if left:  # else only the end of the question failed, after its deletions
                _log.warning(
                    "picture %s was not deleted, and may have no row: %s",
                    ids,
                    error,
                    extra=event("picture_not_deleted", image_id=ids),
                )


def unnamed_ids(
    images: Images, begin: Begin, *, directory: str | None, grace_s: float, delete: bool = False
) -> Iterator[str]:
    """Yield the ids of images that are older than `grace_s` seconds and that no row names.

    Args:
        images: Lists and deletes the images.
        begin: Begins the transaction of a question.
        directory: The directory. None: all images.
        grace_s: Choose it longer than the longest transaction: its pictures have no committed row yet.
        delete: Whether to delete them.
    """
    # A query that begins after this moment sees the row of each picture that is older than this.
    before_ms = (time.time() - grace_s) * 1000
    after = None
    while page := images.list_images(directory=directory, after=after, limit=PAGE):
        after = page[-1].id
        if old := [image.id for image in page if image.created < before_ms]:
            with begin() as databases:
                if delete:
                    found = delete_unnamed(databases, old, images.delete_image)
                else:
                    found = _unnamed_among(databases, old)
            yield from found


def _unnamed_among(databases: Sequence[Rows], image_ids: Collection[str]) -> list[str]:
    named = {image_id for rows in databases for image_id in rows.named_among(image_ids)}
    return [image_id for image_id in image_ids if image_id not in named]


def _lock_to_delete(rows: Rows, image_ids: Collection[str]) -> list[str]:
    """Lock the pictures that no other transaction has locked, and return their ids."""
    if rows.vendor == "postgresql":
        locks = sorted({_lock_of(image_id) for image_id in image_ids})
        free = rows.run(
            f"SELECT lock FROM unnest(ARRAY{locks}::int[]) AS lock "  # noqa: S608  only numbers
            f"WHERE pg_try_advisory_xact_lock({_LOCK_SPACE}, lock)"
        )
        return [image_id for image_id in image_ids if _lock_of(image_id) in free]
    if rows.vendor == "sqlite":
        rows.begin_writing()
    return list(image_ids)


def _lock_of(image_id: str) -> int:
    return int.from_bytes(sha256(image_id.encode()).digest()[:4]) % _LOCKS


def _pages(image_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(image_ids), PAGE):
        yield image_ids[start : start + PAGE]
