"""One image of each size in a separate Pixstore, and fresh records of them for clients over HTTP."""

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvloop

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.core.cipher import unseal

from .load import Request
from .pictures import png
from .routes import IMAGES_ROUTE

T = TypeVar("T")


class OwnImages:
    """A Pixstore that this process holds open beside the servers that share its database, bucket and secret.

    database: a path or URL. blobs: where bodies are, if not there. folder: of the servers' logs, by default the
    database's folder.
    """

    def __init__(self, database: Path | str, blobs: str | None = None, *, folder: Path | None = None) -> None:
        self.database = database
        self.blobs = blobs
        self.folder = folder or Path(database).parent
        self.secret = secrets.token_urlsafe(32)
        self.pix = Pixstore(database, blobs=blobs, secret=self.secret)
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._ids: dict[int, str] = {}

    def __enter__(self) -> Self:
        self.run(self.pix.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self.pix.close())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on this store's event loop."""
        return self._runner.run(work)

    def save(self, sizes: Iterable[int]) -> None:
        """Save one image of each size."""
        for size in sizes:
            self._ids[size] = self.run(self.pix.save_image(png(size), directory="bench")).id

    def record(self, size: int) -> ImageRecord:
        """Return a record of the image of this size; its proof is good for at least 20 seconds."""
        record = self.run(self.pix.get_image_record(self._ids[size]))
        assert record is not None
        return record

    def save_copies(self, size: int, count: int) -> list[str]:
        """Save so many images of one size and return their ids."""

        async def save() -> list[str]:
            return [(await self.pix.save_image(png(size), directory="bench")).id for _ in range(count)]

        return self.run(save())

    def records(self, ids: list[str]) -> list[ImageRecord]:
        """Return fresh records of saved copies, in this order."""
        return list(self.run(self.pix.get_image_records(ids)).values())

    def payload(self, size: int) -> bytes:
        """Return the wire payload of the image of this size for a client that has the current token."""
        return self.run(self._payload(self.record(size)))

    async def _payload(self, record: ImageRecord) -> bytes:
        payload = await self.pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        return b"".join([piece async for piece in payload])


def image_request(port: int, record: ImageRecord) -> Request:
    """Return the request that the browser client makes for a record."""
    headers = {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}
    return Request(port, f"{IMAGES_ROUTE}/{record.id}", headers)


@contextlib.contextmanager
def saved_images(folder: Path, sizes: tuple[int, ...]) -> Iterator[tuple[OwnImages, Path]]:
    """Open a Pixstore in `folder` with images of these sizes, and write their payloads as files for others."""
    files = folder / "files"
    files.mkdir()
    with OwnImages(folder / "pixstore.db") as images:
        images.save(sizes)
        for size in sizes:
            body = images.payload(size)
            check_payload(body, images.record(size), png(size))
            (files / f"{size}.bin").write_bytes(body)
        yield images, files


def check_payload(body: bytes, record: ImageRecord, image: bytes) -> None:
    """Raise ValueError unless a wire payload is a Success that decrypts to this image."""
    if body[:1] != b"\0":
        raise ValueError(f"the answer has the wire state {body[:1].hex()}, not Success")
    if unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=body[1:])[1] != image:
        raise ValueError("the answer decrypts to another image")
