"""Uploads that are to be decoded are held in memory: within one limit, and stalled ones keep no other out."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from pixstore_asgi import InvalidImage, Pixstore
from pixstore_asgi.decoding.holding import Budget
from pixstore_asgi.errors import StoreBusy
from pixstore_asgi.store.memory import MemoryStore
from tests.support.paths import ROOT
from tests.support.samples import SECRET, large_png, picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pictures are decoded in forked processes")

_PIECE_BYTES = 65_536
_UPLOADS = 40

_BYTES = 16 * _PIECE_BYTES + 1  # without its last byte it is whole pieces, all of which are held
_PLACES = 8


async def stalled(data: bytes, go_on: asyncio.Event, waits: asyncio.Semaphore | None = None) -> AsyncIterator[bytes]:
    """Send an image in pieces, its last byte only once it is told to; `waits` is released before that."""
    for at in range(0, len(data) - 1, _PIECE_BYTES):
        yield data[at : min(at + _PIECE_BYTES, len(data) - 1)]
        await asyncio.sleep(0)
    if waits:
        waits.release()
    await go_on.wait()
    yield data[-1:]


def opened(budget: Budget | None = None) -> Pixstore:
    pix = Pixstore(MemoryStore(), secret=SECRET, placeholder=True)
    assert pix._options.decoder
    if budget:
        pix._options.decoder.budget = budget
    return pix


@pytest.mark.slow
async def test_slow_uploads_are_held_within_one_limit() -> None:
    """Of many slow uploads some end with StoreBusy, the others are saved, and the held bytes stay within the limit."""
    data, budget = large_png(_BYTES), Budget(_PLACES * _BYTES)
    most = 0

    def look(_: int) -> None:
        nonlocal most
        most = max(most, budget.held_bytes)

    go_on = asyncio.Event()
    async with opened(budget) as pix:
        uploads = [asyncio.create_task(pix.save_image(stalled(data, go_on), on_progress=look)) for _ in range(_UPLOADS)]
        while sum(upload.done() for upload in uploads) < _UPLOADS - _PLACES:
            await asyncio.wait([upload for upload in uploads if not upload.done()], return_when=asyncio.FIRST_COMPLETED)
        go_on.set()
        ended = Counter(type(end) for end in await asyncio.gather(*uploads, return_exceptions=True))
    assert ended[StoreBusy] == _UPLOADS - _PLACES
    assert _PLACES * (_BYTES - 1) <= most <= _PLACES * _BYTES
    assert budget.held_bytes == 0


@pytest.mark.slow
async def test_stalled_uploads_keep_no_other_out() -> None:
    """When uploads that stall have all the memory, a new one is saved all the same, and one of them is refused."""
    data, budget = large_png(_BYTES), Budget(_PLACES * _BYTES)
    go_on, waits = asyncio.Event(), asyncio.Semaphore(0)
    async with opened(budget) as pix:
        uploads = [asyncio.create_task(pix.save_image(stalled(data, go_on, waits))) for _ in range(_PLACES)]
        for _ in uploads:
            await waits.acquire()
        assert budget.held_bytes == _PLACES * (_BYTES - 1)
        assert (await pix.save_image(large_png(900_000))).placeholder
        go_on.set()
        ended = Counter(type(end) for end in await asyncio.gather(*uploads, return_exceptions=True))
    assert ended[StoreBusy] == 1
    assert budget.held_bytes == 0


@pytest.mark.parametrize("data", [picture()[:-5], picture() + bytes(3_000_000)])
async def test_an_upload_that_fails_gives_its_memory_back(data: bytes) -> None:
    """Whether the image is damaged or its sender is gone, nothing stays held."""
    async with opened() as pix:
        assert pix._options.decoder
        budget = pix._options.decoder.budget
        with pytest.raises(InvalidImage):
            await pix.save_image(picture()[:-5])
        waits = asyncio.Semaphore(0)
        gone = asyncio.create_task(pix.save_image(stalled(data, asyncio.Event(), waits)))
        await waits.acquire()
        assert budget.held_bytes
        gone.cancel()
        await asyncio.wait([gone])
        assert budget.held_bytes == 0


_FORTY_SLOW_UPLOADS = """
import asyncio, sys, tempfile
from pathlib import Path
from pixstore_asgi import Pixstore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.decoding.processes import status
from tests.saving.test_held_uploads import stalled
from tests.support.samples import SECRET, large_png
import os

async def main(folder):
    data, go_on, most = large_png(28 * 1024 * 1024), asyncio.Event(), 0
    async with Pixstore(SqliteStore(Path(folder) / "pixstore.db"), secret=SECRET, placeholder=True) as pix:
        uploads = [asyncio.create_task(pix.save_image(stalled(data, go_on))) for _ in range(40)]
        while pix._options.decoder.budget.held_bytes < 100 * 1024 * 1024 or sum(each.done() for each in uploads) < 36:
            await asyncio.sleep(0.05)
            most = max(most, status(os.getpid(), "VmRSS"))
        print(max(most, status(os.getpid(), "VmRSS")) - len(data) // 1024)  # that is the senders'
        go_on.set()
        await asyncio.gather(*uploads, return_exceptions=True)

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))
"""


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_forty_slow_uploads_take_320_mib() -> None:
    """A process that gets 40 slow uploads of 28 MiB takes at most 320 MiB of memory for all it does."""
    command = [sys.executable, "-c", _FORTY_SLOW_UPLOADS]
    most_kib = int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)
    print(f"most memory: {most_kib // 1024} MiB")
    assert most_kib < 320 * 1024
