"""Imports run to their end."""

from typing import Any

from pixstore_asgi import Pixstore
from pixstore_asgi.transfer.npm_import import NpmImport
from pixstore_asgi.transfer.npm_source import open_npm_source
from pixstore_asgi.transfer.steps import Report
from tests.transfer.npm_files import NpmFiles

MAX_BYTES = 1_000_000


async def take(npm_files: NpmFiles, target: Pixstore | None, **options: Any) -> Report:
    """Run one import and return its report."""
    report = Report()
    with open_npm_source(npm_files.database, npm_files.images) as source:
        async for step in NpmImport(source, target, **{"max_image_bytes": MAX_BYTES, **options}).steps():
            report.add(step)
    return report
