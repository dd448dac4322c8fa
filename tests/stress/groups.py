"""Groups under stress: saved with different variants, revoked, deleted, and their allowed final states."""

import asyncio
import itertools
import random
import threading
from collections.abc import Sequence

from pixstore_asgi.core.ids import variant_id
from pixstore_asgi.store.contract import ImageStore
from tests.stress.bodies import body_of, save_group
from tests.stress.telling import tell

NAMES = ("card", "large", "thumb")
_SIZES = (500, 30_000, 262_144, 700_000, 1_200_000)


def ids_of(original: str) -> list[str]:
    """Return the ids of all that may be in a group."""
    return [original, *(variant_id(original, name) for name in NAMES)]


async def save_and_tell(store: ImageStore, stop: threading.Event, *, name: str, ids: Sequence[str]) -> None:
    """Save, revoke and delete groups, two at a time, and tell before each step and after it."""
    numbers = itertools.count()

    async def save_on() -> None:
        while not stop.is_set():
            image_id, label = random.choice(ids), f"{name}-{next(numbers)}"
            original, *variants = ids_of(image_id)
            members = [original, *(each for each in variants if random.random() < 0.6)]
            bodies = {each: body_of(each, label, random.choice(_SIZES)) for each in members}
            tell(saving=[image_id, label, members])
            image, *_ = await save_group(store, bodies)
            tell(saved=[image_id, label, image.token])
            if random.random() < 0.2:
                await store.raise_epoch(image_id)
            if random.random() < 0.1:
                tell(deleting=image_id)
                await store.delete(image_id)

    await asyncio.gather(save_on(), save_on())
