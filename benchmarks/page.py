"""The load `page` of the part `servers`: a page of thumbnails, asked for by batches and one by one."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pixstore_asgi import ImageRecord
from pixstore_asgi.core.requests import FRAME_HEAD_BYTES, MAX_IMAGES, parse_frame_head

from .load import Request
from .own_images import OwnImages, check_payload, image_request
from .pictures import png
from .plan import KB, Findings, Plan
from .progress import Progress
from .rivals import Contestant, asgi_server
from .routes import IMAGES_ROUTE
from .runs import PAGE, Case, row_label, run_in_turn, server_core

IMAGES = 100
SIZE = 8 * KB
_CONNECTIONS = 16

RequestOf = Callable[[int, Sequence[ImageRecord]], Request]
"""Returns the request for images: (port, their records)."""


def _single(port: int, records: Sequence[ImageRecord]) -> Request:
    return image_request(port, records[0])


def _batch(port: int, records: Sequence[ImageRecord]) -> Request:
    images = [{"id": record.id, "token": record.token, "proof": record.stateless_proof} for record in records]
    body = json.dumps({"images": images}, separators=(",", ":")).encode()
    return Request(port, f"{IMAGES_ROUTE}/-/batch", {"content-type": "text/plain"}, body)


_WAYS: dict[str, tuple[int, RequestOf]] = {"batches/uvicorn": (MAX_IMAGES, _batch), "singles/uvicorn": (1, _single)}
"""How many images a request asks for, and how."""


def measure(plan: Plan, found: Findings) -> None:
    """Ask one server for the same page in both ways, side by side."""
    progress = Progress("servers, page", plan.rounds * len(_WAYS))
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, _contestants(Path(name)) as contestants:
        for number in range(plan.rounds):
            for row in run_in_turn(contestants, plan, Case(PAGE, SIZE, _CONNECTIONS), number):
                images, _ = _WAYS[str(row["contestant"])]
                requests = IMAGES // images
                page_us = round(float(row["cpu_us"]) * requests, 1)
                pages_per_s = round(float(row["requests_per_s"]) / requests, 2)
                found.rows.append({**row, "images": images, "page_us": page_us, "pages_per_s": pages_per_s})
                progress.step(row_label(row))


@contextmanager
def _contestants(folder: Path) -> Iterator[list[Contestant]]:
    """Run one server and yield it once for each way to ask it."""
    with OwnImages(folder / "pixstore.db") as images:
        ids = images.save_copies(SIZE, IMAGES)
        with asgi_server("uvicorn", "pixstore", images, server_core()) as (port, pid):

            def contestant(name: str) -> Contestant:
                count, request_of = _WAYS[name]

                def ask(_size: int) -> list[Request]:
                    records = images.records(ids)
                    return [request_of(port, records[start : start + count]) for start in range(0, IMAGES, count)]

                def check(_size: int, body: bytes) -> None:
                    check_images(body, images.records(ids[:count]))

                return Contestant(name, ask, check, pid)

            yield [contestant(name) for name in _WAYS]


def check_images(body: bytes, records: Sequence[ImageRecord]) -> None:
    """Raise ValueError unless a body is these images: one payload alone, or a frame for each."""
    if len(records) == 1:
        check_payload(body, records[0], png(SIZE))
        return
    for number, record in enumerate(records):
        if len(body) < FRAME_HEAD_BYTES:
            raise ValueError(f"the batch ends before frame {number}")
        index, status, length = parse_frame_head(body)
        if (index, status) != (number, 200):
            raise ValueError(f"frame {number} of the batch has the index {index} and the status {status}")
        check_payload(body[FRAME_HEAD_BYTES : FRAME_HEAD_BYTES + length], record, png(SIZE))
        body = body[FRAME_HEAD_BYTES + length :]
    if body:
        raise ValueError("the batch goes on behind its last frame")
