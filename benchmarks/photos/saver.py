"""Saves one photo again and again in a process of its own: `python -m benchmarks.photos.saver WAY PHOTO AT_ONCE COUNT`.

It saves one to warm up and writes a line; for each line that it reads it saves them all and writes the measurement.
PHOTO is a file; the database goes beside it.
"""

import asyncio
import io
import json
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop
from PIL import Image

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.core.cipher import unseal

from .ways import COPIES, WAYS, Way

_TICK_S = 0.001


def main(name: str, photo: Path, at_once: int, count: int) -> None:
    """Save for the process at the other ends of standard input and output."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(WAYS[name], photo, at_once, count))


async def _serve(way: Way, photo: Path, at_once: int, count: int) -> None:
    data = photo.read_bytes()
    async with way.open(photo.with_suffix(".db"), secrets.token_bytes(32)) as pix:
        await check_saved(pix, await way.save(pix, data), data)
        _tell("ready")
        while await asyncio.to_thread(sys.stdin.readline):
            _tell(await _measured(pix, way, data, at_once, count))


async def _measured(pix: Pixstore, way: Way, data: bytes, at_once: int, count: int) -> dict[str, float]:
    stall = asyncio.create_task(longest_stall_s())
    started, used = time.perf_counter(), time.process_time()
    saved = await save_all(pix, way, data, at_once, count)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    stall.cancel()
    found = {"seconds": seconds, "own_cpu_s": used, "stall_s": await stall}
    await check_saved(pix, saved[-1], data)
    return found


async def save_all(pix: Pixstore, way: Way, data: bytes, at_once: int, count: int) -> list[Sequence[ImageRecord]]:
    """Save the photo so many times, at most `at_once` at once, and return the records of each."""
    left = iter(range(count))
    saved: list[Sequence[ImageRecord]] = []

    async def save_on() -> None:
        for _ in left:
            saved.append(await way.save(pix, data))  # noqa: PERF401

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(save_on())
    return saved


async def longest_stall_s() -> float:
    """Sleep in steps of a millisecond until cancelled; return by how much the event loop was late at most."""
    longest, last = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.perf_counter()
            longest, last = max(longest, now - last - _TICK_S), now
    except asyncio.CancelledError:
        return max(longest, time.perf_counter() - last - _TICK_S)


async def check_saved(pix: Pixstore, records: Sequence[ImageRecord], photo: bytes) -> None:
    """Raise RuntimeError unless these are the photo, in its own pixels, and all its copies or none."""
    pictures = [Image.open(io.BytesIO(await image_of(pix, record))) for record in records]
    with Image.open(io.BytesIO(photo)) as original:
        width, height = original.size
    wanted = [("JPEG", (width, height))]
    wanted += [(kind.upper(), (copy, round(height * copy / width))) for _, copy, kind in COPIES]
    found = [(picture.format, picture.size) for picture in pictures]
    if found not in (wanted, wanted[:1]):
        raise RuntimeError(f"saved were {found}, not {wanted}")


async def image_of(pix: Pixstore, record: ImageRecord) -> bytes:
    """Return a saved image, decrypted as a page does it."""
    payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
    body = b"".join([piece async for piece in payload])
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=body[1:])[1]


def _tell(message: object) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
