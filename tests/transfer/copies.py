"""Runs copies of stores to their end, and compares two stores."""

from typing import Any, NamedTuple

from pixstore_asgi.core.images import StoredImage, Tombstone
from pixstore_asgi.store.contract import ImageStore, KeyChecks
from pixstore_asgi.store.contract_tests.steps import read
from pixstore_asgi.transfer.steps import Report, ids_of
from pixstore_asgi.transfer.store_copy import copy_store


class Content(NamedTuple):
    """All that a store has."""

    database_id: bytes
    checks: KeyChecks
    images: list[StoredImage]
    bodies: list[bytes | None]
    tombstones: list[Tombstone]


async def content_of(store: ImageStore) -> Content:
    """Return all that an open store has."""
    images = await store.list(limit=10_000)
    bodies = [await read(store, image.id) for image in images]
    tombstones = list(await store.list_tombstones(limit=10_000))
    return Content(await store.database_id(), await store.key_checks(), images, bodies, tombstones)


async def copy(source: ImageStore, target: ImageStore | None, **options: Any) -> Report:
    """Run one pass and return its report."""
    report = Report()
    async for step in copy_store(source, target, **options):
        report.add(step)
    return report


async def list_ids(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return the ids of all images of an open store, or of one directory only, as a move lists them."""
    return [image_id async for image_id in ids_of(store, directory)]


def counts(report: Report) -> tuple[int, int, int, int]:
    """Return how many images were moved, there already, deleted and left alone."""
    return report.moved, report.present, report.deleted, len(report.left)
