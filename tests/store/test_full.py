"""Each kind of store without room: one error, a status and a sentence for clients, one line in the log."""

import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from pixstore_asgi import ImageRecord, Pixstore, WireState
from pixstore_asgi.errors import StoreBusy, StoreError, StoreFull
from pixstore_asgi.integrations.starlette import add_error_handlers
from pixstore_asgi.store.s3 import S3Bucket
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.connection import translate
from tests.support.asgi import client
from tests.support.bad_network import bad_network
from tests.support.disks import fill, mounted
from tests.support.payloads import served
from tests.support.postgres import OWNER, USER, Cluster
from tests.support.s3 import S3Server
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite_faults import sqlite_error

pytestmark = pytest.mark.slow

ANSWER = {"detail": "the server has no room for more images: try again later"}
LONG = large_png(2 * 1024 * 1024)


@asynccontextmanager
async def uploading(pix: Pixstore) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application that saves each upload."""

    async def upload(request: Request) -> JSONResponse:
        return JSONResponse(await pix.save_image(request.stream()), 201)

    app = Starlette(routes=[Route("/", upload, methods=["POST"])])
    add_error_handlers(app)
    async with pix, client(app) as http:
        yield http


async def check_full(
    pix: Pixstore, http: httpx.AsyncClient, saved: ImageRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """Check the answers to uploads without room, and that the saved image is still served."""
    for _ in range(3):
        answer = await http.post("/", content=LONG)
        assert (answer.status_code, answer.json()) == (507, ANSWER)
    assert await served(pix, saved) == (WireState.SUCCESS, LONG)
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [(each.event, each.exc_info) for each in told] == [("answered_507", None)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("blobs", [None, "bodies"])
async def test_a_full_disk_is_a_507(small_disk: Path, caplog: pytest.LogCaptureFixture, blobs: str | None) -> None:
    """Uploads are answered with 507 until there is room. Saved images are served meanwhile, and nothing is left."""
    pix = Pixstore(small_disk / "images.db", blobs=blobs and small_disk / blobs, secret=SECRET)
    async with uploading(pix) as http:
        saved = ImageRecord(**(await http.post("/", content=LONG)).json())
        filler = fill(small_disk)
        await check_full(pix, http, saved, caplog)
        assert list(small_disk.glob("bodies/parts/*")) == []
        filler.unlink()
        assert (await http.post("/", content=LONG)).status_code == 201
        assert len(list(small_disk.glob("bodies/[0-9a-f][0-9a-f]/*"))) == (2 if blobs else 0)


async def test_a_full_disk_of_postgresql_is_a_507(postgres: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    """The same with a server whose tables can't grow."""
    with mounted(postgres.folder / "small", "size=6m,mode=0777") as disk, postgres.lent() as url:
        tables = disk / "tables"
        tables.mkdir()
        if OWNER:
            shutil.chown(tables, OWNER)
        postgres.run(f"CREATE TABLESPACE small LOCATION '{tables}'")
        postgres.run(f"ALTER ROLE {USER} SET default_tablespace = small")
        try:
            pix = Pixstore(url, secret=SECRET)
            async with uploading(pix) as http:
                saved = ImageRecord(**(await http.post("/", content=LONG)).json())
                filler = fill(disk)
                await check_full(pix, http, saved, caplog)
                filler.unlink()
                assert (await http.post("/", content=LONG)).status_code == 201
        finally:
            postgres.run(f"ALTER ROLE {USER} RESET default_tablespace")
            postgres.run("DROP SCHEMA pixstore CASCADE", url.rpartition("/")[2])
            postgres.run("DROP TABLESPACE small")


@pytest.mark.parametrize(
    ("status", "code"),
    [(507, "XMinioStorageFull"), (400, "XMinioAdminBucketQuotaExceeded"), (403, "QuotaExceeded"), (507, "Other")],
)
@pytest.mark.parametrize("image", [picture(), LONG * 4], ids=["whole", "in parts"])
async def test_a_full_bucket_is_told(tmp_path: Path, s3: S3Server, status: int, code: str, image: bytes) -> None:
    """The answers of MinIO and Ceph without room are StoreFull, and a later save works."""
    async with bad_network(s3.port) as network:
        bucket = S3Bucket(s3.url(tmp_path.name, port=network.port), busy_timeout_s=1)
        async with Pixstore(SqliteStore(tmp_path / "images.db", bodies=bucket), secret=SECRET) as pix:
            network.refusal = (status, code)
            network.drop()
            with pytest.raises(StoreFull, match=r"the bucket .* is full, or its quota is used up: make room") as caught:
                await pix.save_image(image)
            assert not isinstance(caught.value, StoreBusy)
            network.refusal = None
            network.drop()
            await pix.save_image(image)


def test_a_failed_write_without_room_is_a_full_disk(small_disk: Path) -> None:
    """SQLite reports a quota that is used up as a failed write: then the room decides. A failed read needs no room."""
    failed = sqlite_error(sqlite3.SQLITE_IOERR)
    filler = fill(small_disk)
    assert isinstance(translate(small_disk / "images.db", failed), StoreFull)
    assert "check the disk" in str(translate(small_disk / "images.db", sqlite_error(sqlite3.SQLITE_IOERR_READ)))
    filler.unlink()
    assert "check the disk" in str(translate(small_disk / "images.db", failed))


def test_it_is_a_store_error_for_earlier_applications() -> None:
    """An application that catches StoreError catches it, and one that retries StoreBusy does not retry it."""
    assert issubclass(StoreFull, StoreError)
    assert not issubclass(StoreFull, StoreBusy)
