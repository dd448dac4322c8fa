"""The load `gallery` of the part `servers`: many more images than Pixstore's memory holds, asked for in turn."""

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pixstore_asgi import ImageRecord
from pixstore_asgi.store.files import BodyFolder

from .environment import missing_programs
from .load import Request
from .npm_peer import npm_peer
from .own_images import OwnImages, check_payload, image_request
from .pictures import png
from .plan import Findings, Plan, size_name
from .progress import Progress
from .rivals import Contestant, asgi_server
from .runs import GALLERY, Case, row_label, run_in_turn, server_core

CONNECTIONS = 16
_MEMORY_SHARE = 8  # how many times Pixstore's memory the images are

Records = Callable[[list[str]], list[ImageRecord]]


def case_name(size: int) -> str:
    """Return the name that `--case` accepts for a gallery of images of this size."""
    return f"{GALLERY}-{size_name(size)}"


def measure(plan: Plan, found: Findings) -> None:
    """Let pixstore_asgi, with bodies in the database and in files, and npm serve a gallery of each size in turn."""
    for size in filter(lambda size: plan.has_case(case_name(size)), plan.gallery_sizes):
        with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, ExitStack() as stack:
            starts = [_pixstore(plan, Path(name), size)]
            if size >= BodyFolder.smallest_bytes:
                starts.append(_pixstore(plan, Path(name), size, in_files=True))
            if not missing_programs("node", "npm pixstore"):
                starts.append(_npm(plan, Path(name), size))
            contestants = [stack.enter_context(start) for start in starts]
            progress = Progress(f"servers, {case_name(size)}", plan.rounds * len(contestants))
            for number in range(plan.rounds):
                for row in run_in_turn(contestants, plan, Case(GALLERY, size, CONNECTIONS), number):
                    found.rows.append({**row, "images": plan.gallery_count(size)})
                    progress.step(row_label(row))


@contextmanager
def _pixstore(plan: Plan, folder: Path, size: int, *, in_files: bool = False) -> Iterator[Contestant]:
    name = "pixstore files" if in_files else "pixstore"
    with OwnImages(folder / f"{name}.db", str(folder / "bodies") if in_files else None) as images:
        ids = images.save_copies(size, plan.gallery_count(size))
        cache_bytes = str(size * len(ids) // _MEMORY_SHARE)
        core = server_core()
        with asgi_server("uvicorn", "pixstore", images, core, PIXSTORE_BENCH_CACHE_BYTES=cache_bytes) as (port, pid):

            def request(record: ImageRecord) -> Request:
                return image_request(port, record)

            yield contestant(f"{name}/uvicorn", images.records, ids, request, pid)


@contextmanager
def _npm(plan: Plan, folder: Path, size: int) -> Iterator[Contestant]:
    picture = folder / "picture"
    picture.write_bytes(png(size))
    with npm_peer(folder, server_core()) as peer:
        ids = [peer.call("save", path=str(picture))["id"] for _ in range(plan.gallery_count(size))]

        def records(ids: list[str]) -> list[ImageRecord]:
            return [peer.record(image_id) for image_id in ids]

        yield contestant("npm/node", records, ids, peer.request, peer.process.pid)


def contestant(
    name: str, records: Records, ids: Sequence[str], request: Callable[[ImageRecord], Request], pid: int
) -> Contestant:
    """Return a server that is asked for all of these images, the first one first, which is the one that is checked."""

    def ask(size: int) -> list[Request]:
        others = random.sample(ids[1:], len(ids) - 1)
        return [request(record) for record in records([ids[0], *others])]

    def check(size: int, body: bytes) -> None:
        (record,) = records([ids[0]])
        check_payload(body, record, png(size))

    return Contestant(name, ask, check, pid)
