"""An application with sealed records under a real server: no key in its answers, logs, traces, metrics and reports."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, RecordsApp
from pixstore_asgi.integrations.fastapi import (
    ImageUpload,
    PageRecipient,
    add_error_handlers,
    no_store,
    records_response,
)
from pixstore_asgi.integrations.opentelemetry import PixstoreTracing
from pixstore_asgi.integrations.prometheus import PrometheusMetrics
from pixstore_asgi.testing import SealedPage
from tests.support.batches import body_of, entry_of
from tests.support.leaks import spellings
from tests.support.requests import headers
from tests.support.samples import SECRET, picture
from tests.support.trackers import captured_locals, sentry_text

pytestmark = pytest.mark.servers

LOG = logging.getLogger("application")
LOGGERS = ("aiosqlite", "httpx", "uvicorn", "application")


class Kept(logging.Handler):
    """Everything that leaves the application, by the place that keeps it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.loggers: set[str] = set()
        self.answers: list[str] = []
        self.reports: list[str] = []
        self.registry = CollectorRegistry()
        self._spans = InMemorySpanExporter()
        self.tracing = TracerProvider()
        self.tracing.add_span_processor(SimpleSpanProcessor(self._spans))

    def emit(self, record: logging.LogRecord) -> None:
        self.loggers.add(record.name.partition(".")[0])
        self.lines += [self.format(record), repr(vars(record))]

    @property
    def texts(self) -> dict[str, str]:
        return {
            "answers": "\n".join(self.answers),
            "logs": "\n".join(self.lines),
            "error reports": "\n".join(self.reports),
            "traces": "\n".join(span.to_json() for span in self._spans.get_finished_spans()),
            "metrics": generate_latest(self.registry).decode(),
        }

    def places_with(self, keys: list[bytes]) -> set[str]:
        """Return the places that have a key, as bytes or as text."""
        forms = {form for key in keys for form in (key.decode("latin-1"), *spellings(key))}
        return {place for place, text in self.texts.items() if any(form in text for form in forms)}


@contextmanager
def keeping() -> Iterator[Kept]:
    """Note the logs of all loggers at level DEBUG, and keep them from pytest, because the application logs records."""
    kept, loggers = Kept(), [logging.root, *map(logging.getLogger, LOGGERS)]
    before, handlers = [logger.level for logger in loggers], logging.root.handlers
    logging.root.handlers = [kept]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield kept
    finally:
        logging.root.handlers = handlers
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
        kept.tracing.shutdown()


def application(pix: Pixstore, kept: Kept) -> FastAPI:
    """An application that uses each part of this package that hands out or observes records or images."""
    app = FastAPI(lifespan=pix.lifespan)
    add_error_handlers(app)

    def note(*served: object) -> None:
        LOG.debug("served %r", served)

    tracing, metrics = PixstoreTracing(kept.tracing), PrometheusMetrics(kept.registry)
    app.mount("/images", PixstoreApp(pix, public_ciphertext=True, on_served=[tracing, metrics, note]))
    app.mount("/records", RecordsApp(pix, lambda scope, image_id: True))

    @app.post("/pictures", dependencies=[no_store])
    async def upload(image: ImageUpload, page: PageRecipient) -> ImageRecord:
        record = await pix.save_image(image, recipient=page)
        LOG.info("saved %s", json.dumps(record))
        return record

    @app.get("/pictures")
    async def listed(id: str, page: PageRecipient) -> Response:
        return await records_response(pix, [id], recipient=page)

    @app.get("/broken")
    async def broken(id: str, page: PageRecipient) -> None:
        records = json.loads(json.dumps(await pix.get_image_records([id], recipient=page)))
        raise RuntimeError(f"the template has no place for {records}")

    return app


@asynccontextmanager
async def served(app: FastAPI, kept: Kept) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application with an error tracker under uvicorn, which logs to `kept`, and note each answer."""

    async def tracked(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            kept.reports += [sentry_text(error), captured_locals(error)]
            raise

    async def note(response: httpx.Response) -> None:
        body = await response.aread()
        kept.answers.append(f"{response.headers!r}\n{body.decode('latin-1')}")

    server = uvicorn.Server(uvicorn.Config(tracked, log_config=None, lifespan="on"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # the first request waits here for the server
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving = asyncio.create_task(server.serve([listening]))
        try:
            async with httpx.AsyncClient(base_url=url, event_hooks={"response": [note]}) as http:
                yield http
        finally:
            server.should_exit = True
            await serving


async def show(http: httpx.AsyncClient, record: ImageRecord) -> list[int]:
    """Ask for an image in each way in which its application serves it. Return the statuses."""
    blob = (record.ciphertext_url or "").partition("/images")[2]
    answers = [await http.get(f"/images{path}", headers=headers(record)) for path in (f"/{record.id}", blob)]
    answers.append(await http.head(f"/images/{record.id}", headers=headers(record)))
    answers.append(await http.post("/images/-/batch", content=body_of(entry_of(record))))
    answers.append(await http.get("/images/-/ready"))
    return [answer.status_code for answer in answers]


async def key_of(pix: Pixstore, record: ImageRecord) -> bytes:
    current = await pix.export_image(record.id)
    assert current is not None
    return bytes(current.seal.key)


async def every_request(http: httpx.AsyncClient, pix: Pixstore, page: dict[str, str]) -> list[bytes]:
    """Send each kind of request, before and after an update of the image. Return the keys of both versions."""
    saved = await http.post("/pictures", content=picture(), headers=page)
    record = ImageRecord.parse(saved.json())
    keys = [await key_of(pix, record)]
    assert await show(http, record) == [200] * 5
    await pix.update_image(record.id, picture("webp"))
    keys.append(await key_of(pix, record))
    assert await show(http, record) == [200, 404, 200, 200, 200]  # a refusal of a proof is 200, too
    for path in ("/records/", "/pictures", "/broken"):
        for sent in (page, {}, {"pixstore-recipient": "no point"}):
            await http.get(path, params={"id": record.id}, headers=sent)
            await http.head(path, params={"id": record.id}, headers=sent)
    await http.post("/pictures", content=b"no image", headers=page)
    return keys


async def places_of_keys(folder: Path, page: dict[str, str], **options: Any) -> set[str]:
    """Return the places that have an image key after each kind of request."""
    pix = Pixstore(folder / "pixstore.db", secret=SECRET, ciphertext_url="/images", **options)
    with keeping() as kept:
        async with served(application(pix, kept), kept) as http:
            keys = await every_request(http, pix, page)
    assert set(LOGGERS) <= kept.loggers
    assert all(kept.texts.values())
    return kept.places_with(keys)


async def test_no_place_has_a_key_of_sealed_records(tmp_path: Path) -> None:
    """With records="sealed" no answer, log, error report, trace or metric has a key, whether or not a page is named."""
    assert await places_of_keys(tmp_path, SealedPage().headers, records="sealed") == set()


async def test_the_search_finds_the_keys_of_plain_records(tmp_path: Path) -> None:
    """For plain records, the same requests leave keys in the answers, and in the application's logs and reports."""
    assert await places_of_keys(tmp_path, {}) == {"answers", "logs", "error reports"}
