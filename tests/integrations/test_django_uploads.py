"""Django: uploads stay in memory, within limits, and errors of uploads have their status."""

import asyncio
import gc
import io
import json
import os
import stat
import tempfile
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import override_settings
from django.urls import path
from django.utils.datastructures import MultiValueDictKeyError

from pixstore_asgi import Pixstore
from pixstore_asgi.asgi import refused_uploads
from pixstore_asgi.errors import ImageNotFound, StoreBusy, StoreConflict, StoreFull
from pixstore_asgi.integrations.django import PixstoreStorage, get_asgi_application, upload_memory
from pixstore_asgi.testing import SAMPLES, MemoryPixstore
from tests.support.django_setup import configure_django
from tests.support.samples import SECRET, large_png

configure_django()

LARGE = large_png(4_000_000)  # above Django's limit of 2.5 MB
PART = LARGE[2_000_000:2_000_200]
HANDLERS = ["pixstore_asgi.integrations.django.MemoryUploadHandler"]
ERRORS = "pixstore_asgi.integrations.django.PixstoreErrors"


def files_with(part: bytes, *folders: Path) -> list[str]:
    """Return the files, open in this process or in these folders, that contain these bytes."""
    links = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
    links += [file for folder in folders for file in folder.rglob("*")]
    return [
        str(link) for link in links if link.exists() and stat.S_ISREG(link.stat().st_mode) and part in link.read_bytes()
    ]


def save(request: HttpRequest) -> JsonResponse:
    """Save the picture of a form, and report which files contain it meanwhile."""
    file = cast("UploadedFile[bytes]", request.FILES["picture"])
    found = files_with(PART, Path(tempfile.gettempdir()))
    return JsonResponse({"id": PixstoreStorage().save("sea.png", file), "found": found})


def fail(request: HttpRequest) -> JsonResponse:
    raise {
        "busy": StoreBusy("/srv/app.db"),
        "full": StoreFull("/srv/app.db: the disk is full"),
        "gone": ImageNotFound("no x"),
        "conflict": StoreConflict("changed"),
    }[request.GET["error"]]


def bug(request: HttpRequest) -> JsonResponse:
    raise LookupError


class Urls:
    urlpatterns = (path("save", save), path("fail", fail), path("bug", bug))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pixstore = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    settings = {"PIXSTORE": pixstore, "ROOT_URLCONF": Urls, "MIDDLEWARE": [ERRORS], "FILE_UPLOAD_HANDLERS": HANDLERS}
    with override_settings(**settings):
        yield tmp_path


def form(picture: bytes, *, again: int = 0) -> dict[str, Any]:
    files = [SimpleUploadedFile("sea.png", picture, "image/png") for _ in range(1 + again)]
    return {"title": "Sea", "picture": files}


@pytest.fixture
def small() -> Iterator[None]:
    """Limits of some kilobytes: a request may have 101,000 bytes."""
    gc.collect()  # uploads of other tests, in tracebacks
    limits = {"DATA_UPLOAD_MAX_MEMORY_SIZE": 1000, "FILE_UPLOAD_MAX_MEMORY_SIZE": 1000}
    with override_settings(PIXSTORE=MemoryPixstore(max_image_bytes=100_000), **limits):
        yield
    gc.collect()
    assert upload_memory._files._count == upload_memory._bodies._count == 0


# WSGI


def test_no_file_contains_an_upload(folder: Path) -> None:
    """A picture above 2.5 MB is in no open file, temporary file or database while it is handled and afterwards."""
    answer = Client().post("/save", form(LARGE))
    assert answer.status_code == 200, answer.content
    assert answer.json()["found"] == []
    assert files_with(PART, folder) == []
    with PixstoreStorage().open(answer.json()["id"]) as file:
        assert file.read() == LARGE
    gc.collect()
    assert upload_memory._files._count == upload_memory._bodies._count == 0


def test_djangos_own_handlers_would_write_it() -> None:
    """The check of the files finds an upload of Django's own handlers."""
    handlers = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
    with override_settings(FILE_UPLOAD_HANDLERS=handlers):
        assert Client().post("/save", form(LARGE)).json()["found"]


@pytest.mark.parametrize("middleware", [[ERRORS], [ERRORS, "django.middleware.csrf.CsrfViewMiddleware"]])
@pytest.mark.usefixtures("small")
def test_a_long_upload_gets_413(middleware: list[str]) -> None:
    """By its header, also if the CSRF check reads the form and not the view. Its body is dropped."""
    content = encode_multipart(BOUNDARY, form(large_png(400_000)))
    body, length = io.BytesIO(content), str(len(content))
    environ: dict[str, Any] = {"wsgi.input": body, "CONTENT_LENGTH": length, "CONTENT_TYPE": MULTIPART_CONTENT}
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    with override_settings(MIDDLEWARE=middleware):
        answer = client.generic("POST", "/save", **environ)
    assert answer.status_code == 413
    assert answer.json() == {"detail": "the upload is longer than 101000 bytes"}
    assert body.tell() == len(content)


@pytest.mark.usefixtures("small")
def test_all_files_of_a_form_count() -> None:
    """Several files of one form have one limit together. A form that ends within a file is freed."""
    with override_settings(FILE_UPLOAD_MAX_MEMORY_SIZE=150_000):
        assert Client().post("/save", form(large_png(60_000), again=1)).status_code == 200
        assert Client().post("/save", form(large_png(60_000), again=2)).status_code == 413
        cut = encode_multipart(BOUNDARY, form(large_png(60_000)))[:50_000]
        with pytest.raises(MultiValueDictKeyError):
            Client().generic("POST", "/save", cut, MULTIPART_CONTENT)


@pytest.mark.usefixtures("small")
def test_files_of_forms_have_one_limit_in_a_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If other uploads fill the memory, the answer is 503, and the traceback in the log has no bytes of the picture."""
    monkeypatch.setattr(upload_memory, "_MOST_BYTES", 0)  # two of the longest requests
    other = upload_memory.UploadBuffer(190_000)
    assert other.add(bytes(190_000)) is None
    answer = Client().post("/save", form(large_png(60_000)))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    (error,) = {record.exc_info[1] for record in caplog.records if record.exc_info}
    assert error
    values = [value for frame, _ in traceback.walk_tb(error.__traceback__) for value in frame.f_locals.values()]
    assert len(values) > 10
    assert not [value for value in values if isinstance(value, bytes) and len(value) > 1000]
    other.close()
    assert Client().post("/save", form(large_png(60_000))).status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        ("busy", 503, "the store is busy: try again"),
        ("full", 507, "the server has no room for more images: try again later"),
        ("gone", 404, "no x"),
        ("conflict", 409, "changed"),
    ],
)
def test_errors_have_their_status(error: str, status: int, detail: str) -> None:
    """The middleware answers an error of a view, without the paths that its text may name."""
    client = Client(raise_request_exception=False)
    answer = client.get("/fail", {"error": error})
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    assert answer.headers["cache-control"] == "no-store"
    if status == 409:
        assert client.get("/fail", {"error": error}, headers={"if-match": "1"}).status_code == 412
    assert client.get("/bug").status_code == 500


# ASGI


class Exchange:
    """One request to Django over ASGI. `more` holds the rest of its body back until it is set."""

    def __init__(self, app: ASGIHandler, body: bytes, *, held_back: bytes = b"", length: int | None = None) -> None:
        sent = {"content-type": MULTIPART_CONTENT} | (
            {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
        )
        self.scope = {"type": "http", "method": "POST", "path": "/save", "query_string": b"", "http_version": "1.1"}
        self.scope["headers"] = [(name.encode(), value.encode()) for name, value in sent.items()]
        self.more, self.status, self.headers, self.body = asyncio.Event(), 0, dict[str, str](), b""
        self.is_waiting, self.received = asyncio.Event(), 0
        self._app, self._messages = app, self._pieces(body, held_back)

    async def _pieces(self, body: bytes, held_back: bytes) -> AsyncIterator[dict[str, Any]]:
        for start in range(0, len(body), 65_536):
            piece = body[start : start + 65_536]
            self.received += len(piece)
            yield {"type": "http.request", "body": piece, "more_body": True}
        if held_back:
            self.is_waiting.set()
            await self.more.wait()
        yield {"type": "http.request", "body": held_back, "more_body": False}
        await asyncio.Event().wait()

    async def run(self) -> "Exchange":
        async def receive() -> Any:
            return await anext(self._messages, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            self.body += message.get("body", b"")

        await self._app(self.scope, receive, send)
        return self


async def test_no_file_contains_a_body_under_asgi(folder: Path) -> None:
    """Django's ASGI handler would write the body before any middleware runs; this one does not."""
    body = encode_multipart(BOUNDARY, form(LARGE))
    answer = await Exchange(get_asgi_application(), body, length=len(body)).run()
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["found"] == []
    assert files_with(PART, folder) == []
    assert json.loads((await Exchange(ASGIHandler(), body, length=len(body)).run()).body)["found"]
    del answer
    gc.collect()
    assert upload_memory._files._count == upload_memory._bodies._count == 0


@pytest.mark.usefixtures("small")
async def test_a_long_body_gets_413_under_asgi() -> None:
    """By its header, and without one as soon as it is too long. The rest is dropped, so that the answer arrives."""
    app, body = get_asgi_application(), encode_multipart(BOUNDARY, form(large_png(400_000)))
    for length in (len(body), None):
        answer = await Exchange(app, body, length=length).run()
        assert (answer.status, answer.headers["cache-control"]) == (413, "no-store")
        assert json.loads(answer.body) == {"detail": "the upload is longer than 101000 bytes"}
        assert answer.received == len(body)


@pytest.mark.usefixtures("small")
async def test_parallel_uploads_have_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the bodies in memory reach the limit of the process, further ones get 503, and the earlier ones arrive."""
    monkeypatch.setattr(upload_memory, "_MOST_BYTES", 0)  # two of the longest requests
    app, body = get_asgi_application(), encode_multipart(BOUNDARY, form(large_png(90_000)))
    waiting = [Exchange(app, body[:-1000], held_back=body[-1000:]) for _ in range(2)]
    tasks = [asyncio.create_task(each.run()) for each in waiting]
    for each in waiting:
        await each.is_waiting.wait()
    refused = await Exchange(app, body).run()
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert json.loads(refused.body) == {"detail": "the store is busy: try again"}
    for each, task in zip(waiting, tasks, strict=True):
        each.more.set()
        await task
    assert b"101000" not in b"".join(each.body for each in waiting)


@pytest.mark.usefixtures("small")
async def test_the_files_of_bodies_in_memory_fit_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later bodies are refused before they take the memory that earlier ones need for their files."""
    monkeypatch.setattr(upload_memory, "_MOST_BYTES", 400_000)
    app, body = get_asgi_application(), encode_multipart(BOUNDARY, form(large_png(90_000)))
    sent = [Exchange(app, body[:-1000], held_back=body[-1000:], length=len(body)) for _ in range(4)]
    tasks = [asyncio.create_task(each.run()) for each in sent]
    for each, task in zip(sent, tasks, strict=True):
        waits = asyncio.create_task(each.is_waiting.wait())
        await asyncio.wait([task, waits], return_when=asyncio.FIRST_COMPLETED)
        waits.cancel()
    for each in sent:
        each.more.set()
    await asyncio.gather(*tasks)
    assert sorted(each.status for each in sent) == [200, 200, 503, 503]


async def test_a_body_that_stalls_gets_408(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of time are those of the Pixstore."""
    monkeypatch.setattr(refused_uploads, "LONGEST_PAUSE_S", 0.05)
    with override_settings(PIXSTORE=MemoryPixstore(upload_timeout_s=0.05)):
        app = get_asgi_application()
        answer = await Exchange(app, b"--BoUnDaRy", held_back=b"never").run()
    assert answer.status == 408
    assert b"upload_timeout_s" in answer.body


async def test_a_client_that_leaves_frees_its_upload() -> None:
    """Django gets no request, and the memory is free."""
    exchange = Exchange(get_asgi_application(), SAMPLES["png"])

    async def leave() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": SAMPLES["png"], "more_body": True}
        yield {"type": "http.disconnect"}

    exchange._messages = leave()
    assert (await exchange.run()).status == 0
    assert upload_memory._files._count == upload_memory._bodies._count == 0
