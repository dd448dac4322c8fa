"""The load `writes` of the part `servers`: an image that is in memory, at rest and while others are written."""

import asyncio
import itertools
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pixstore_asgi import Pixstore

from .own_images import OwnImages
from .pictures import png
from .plan import KB, Findings, Plan
from .progress import Progress
from .rivals import asgi_server, own_contestant
from .runs import WRITES, Case, row_label, run_in_turn, server_core

SIZE = 30 * KB
WRITES_PER_S = 20
AT_REST, WRITTEN = "at rest/uvicorn", "written/uvicorn"
_CONNECTIONS = 16
_OTHERS = 100


def measure(plan: Plan, found: Findings) -> None:
    """Ask one server for one image in both ways, side by side."""
    progress = Progress("servers, writes", plan.rounds * 2)
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, OwnImages(Path(name) / "pixstore.db") as images:
        images.save([SIZE])
        others = images.save_copies(SIZE, _OTHERS)
        with asgi_server("uvicorn", "pixstore", images, server_core()) as (port, pid):
            for number in range(plan.rounds):
                for way in (AT_REST, WRITTEN)[:: -1 if number % 2 else 1]:
                    with writing(images, others) if way == WRITTEN else nullcontext():
                        contestants = [own_contestant(way, images, port, pid)]
                        (row,) = run_in_turn(contestants, plan, Case(WRITES, SIZE, _CONNECTIONS), number)
                    found.rows.append(row)
                    progress.step(row_label(row))


@contextmanager
def writing(images: OwnImages, ids: Sequence[str]) -> Iterator[None]:
    """Update these images in turn, one at least, WRITES_PER_S times a second for as long as the block lasts."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(lambda: asyncio.run(_write(images, ids, stop)))
        try:
            yield
        finally:
            stop.set()
        under_way.result()


async def _write(images: OwnImages, ids: Sequence[str], stop: threading.Event) -> None:
    async with Pixstore(images.database, secret=images.secret) as pix:
        due_s = time.monotonic()
        for image_id in itertools.cycle(ids):
            await pix.update_image(image_id, png(SIZE))
            if stop.is_set():
                return
            due_s += 1 / WRITES_PER_S
            await asyncio.sleep(max(due_s - time.monotonic(), 0))
