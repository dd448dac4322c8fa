"""A database of one photo, saved many times."""

import asyncio
from pathlib import Path

from pixstore_asgi import Pixstore, Variant

_AT_ONCE = 4


def save_photos(database: Path, secret: str, data: bytes, count: int, copy: Variant) -> None:
    """Save a photo so many times, each with a smaller copy and a placeholder."""
    asyncio.run(_save(database, secret, data, count, copy))


async def _save(database: Path, secret: str, data: bytes, count: int, copy: Variant) -> None:
    left = iter(range(count))
    async with Pixstore(database, secret=secret, variants=[copy], placeholder=True) as pix:

        async def save_on() -> None:
            for _ in left:
                await pix.save_image(data)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(_AT_ONCE):
                tasks.create_task(save_on())
