"""The types of the public names as an application sees them: mypy and pyright check this file, and nothing runs it."""
# pyright: reportUnnecessaryTypeIgnoreComment=true

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import assert_type

from sqlmodel import Field, SQLModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, PixstoreMiddleware, RecordsApp, WireState, recipient_of
from pixstore_asgi.core.images import ExportedImage, Image, ImageInfo
from pixstore_asgi.integrations.opentelemetry import PixstoreTracing
from pixstore_asgi.integrations.prometheus import PrometheusMetrics
from pixstore_asgi.integrations.sqladmin import PictureView
from pixstore_asgi.integrations.sqlalchemy import PictureType
from pixstore_asgi.integrations.starlette import add_error_handlers, records_response
from pixstore_asgi.integrations.starlette_admin import PictureField
from pixstore_asgi.keys.rotation import KeyStatus
from pixstore_asgi.sync import SyncImageData, SyncPayload, SyncPixstore
from pixstore_asgi.testing import MemoryPixstore, image_in
from pixstore_asgi.transfer.sync import import_plain_file

pix = Pixstore("pixstore.db")


class Note(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    picture: str | None = Field(default=None, sa_type=PictureType)


class NoteAdmin(PictureView, model=Note):
    column_list = ("picture",)


fields = ["id", PictureField("picture")]


def may_see(scope: Scope, image_id: str) -> bool:
    return bool(scope["session"].get("user")) and image_id.startswith("notes:")


app = Starlette()
app.mount("/pixstore-image", PixstoreApp(pix, authorize=may_see, on_served=[PrometheusMetrics(), PixstoreTracing()]))
app.mount("/api/records", RecordsApp(pix, may_see))
app.add_middleware(PixstoreMiddleware, pixstore=pix, authorize=may_see)
add_error_handlers(app)


async def route(request: Request) -> Response:
    left = 10**9 - assert_type((await pix.usage("notes")).bytes, int)
    await pix.save_image(
        b"", directory="notes", image_id="notes:7", max_directory_bytes=left, max_directory_images=None
    )
    record = await pix.save_image(request.stream(), directory="notes", recipient=recipient_of(request))
    return await records_response(pix, [record.id], recipient=recipient_of(request))


def use_in_a_test(page: MemoryPixstore, data: bytes) -> None:
    record = assert_type(page.run(page.save_image(data)), ImageRecord)
    assert_type(image_in(record, b""), bytes)


def sync_code(
    images: SyncPixstore, path: Path, file: io.BufferedReader, pieces: Iterator[bytes], stream: AsyncIterator[bytes]
) -> None:
    data: list[SyncImageData] = [b"", bytearray(), memoryview(b""), file, io.BytesIO(), pieces, stream]
    for each in data:
        record = assert_type(images.save_image(each, directory="notes", on_progress=print), ImageRecord)
        images.update_image(record.id, each, if_token=record.token, focus=(0.5, 0.5))
        images.import_image(record.id, each, token=record.token)
    assert_type(images.save_image_from_file(path, directory="notes", strip_metadata=True), ImageRecord)
    assert_type(images.update_image_from_file("id", path), ImageRecord)
    assert_type(images.delete_image("id"), bool)
    assert_type(images.revoke(directory="notes"), int)
    assert_type(images.reseal_image("id"), ImageRecord)
    assert_type(images.key_status(), list[KeyStatus])
    assert_type(images.rewrap_keys(lambda done, total: print(done / total)), int)
    assert_type(images.image_exists("id"), bool)
    assert_type(images.get_image_record("id", audience="user"), ImageRecord | None)
    assert_type(images.get_image_records(["id"]), dict[str, ImageRecord])
    assert_type(images.read_image("id"), Image | None)
    assert_type(images.export_image("id"), ExportedImage | None)
    assert_type(images.list_images(directory="notes", limit=10), list[ImageInfo])
    assert_type(import_plain_file(images, path, "cat.png", directory="notes"), str)
    with images as same:
        assert_type(same, SyncPixstore)
    with images.open_payload("id", token=1, proof="") as payload:
        assert_type(payload, SyncPayload)
        assert_type(payload.state, WireState)
        assert_type(payload.headers, dict[str, str])
        assert_type(b"".join(payload), bytes)


def mistakes(images: SyncPixstore, path: Path) -> None:
    """Each line is an error of both type checkers: without it, they report an ignore that nothing needs."""
    images.save_image(path)  # type: ignore[arg-type]
    images.save_image(io.StringIO())  # type: ignore[arg-type]
    images.save_image(b"", folder="notes")  # type: ignore[call-arg]
    images.delete_image()  # type: ignore[call-arg]
    images.delete_image(5)  # type: ignore[arg-type]
    images.list_images(limit="10")  # type: ignore[arg-type]
