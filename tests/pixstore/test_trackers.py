"""Keys, proofs and pictures stay out of error trackers and printouts when an operation breaks."""

import json
import logging
import pprint
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from io import StringIO
from typing import Any

import django.views.debug
import pytest
import rich.console
import rich.pretty
import rich.traceback
import sentry_sdk
import structlog
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware

from pixstore_asgi import ImageRecord, InvalidImage, Pixstore, PixstoreApp, RecordsApp
from pixstore_asgi.core.hidden import HiddenBytes
from pixstore_asgi.core.proof import ProofKeys
from pixstore_asgi.integrations.starlette import records_response
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.testing import SealedPage
from tests.support.asgi import client, scope_of
from tests.support.django_setup import configure_django
from tests.support.leaks import spellings
from tests.support.paths import ROOT
from tests.support.samples import OTHER_SECRET, SECRET, picture
from tests.support.trackers import LocalsAtEveryLine, captured_locals, sentry_client, sentry_text

KEY = bytes(range(100, 132))
PICTURES = {kind: picture(kind, 200) for kind in ("png", "webp", "jpeg")}


class Failure(Exception):
    """The error in the middle of an operation."""


def fail(*_: object, **__: object) -> Any:
    raise Failure


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The spellings of the one key that images get here, of secrets, pictures, and each proof once it is issued."""
    wanted = spellings(KEY) | spellings(SECRET.encode()) | spellings(OTHER_SECRET.encode())
    for image in PICTURES.values():
        for start in (60, len(image) // 2, len(image) - 30):
            wanted |= spellings(image[start : start + 12])
    draw, issue = __import__("secrets").token_bytes, ProofKeys.issue
    monkeypatch.setattr("secrets.token_bytes", lambda length: KEY if length == len(KEY) else draw(length))

    def noted(self: ProofKeys, *args: Any, **options: Any) -> str:
        proof = issue(self, *args, **options)
        wanted.add(proof)
        return proof

    monkeypatch.setattr(ProofKeys, "issue", noted)
    return wanted


def logged(value: object) -> str:
    return logging.Formatter().format(logging.makeLogRecord({"msg": "%r", "args": (value,)}))


def shows(text: str, hidden: set[str]) -> bool:
    assert text
    return any(each in text for each in hidden)


async def pieces(kind: str, *, ends_well: bool = True) -> AsyncIterator[bytes]:
    for start in range(0, len(PICTURES[kind]), 500):
        yield PICTURES[kind][start : start + 500]
    if not ends_well:
        raise Failure


def pixstore(store: MemoryStore, **options: Any) -> Pixstore:
    """Return a Pixstore with requests that need no token, so that an answer carries the key."""
    return Pixstore(store, **{"secret": SECRET, "bind_token": False, **options})


async def read(pix: Pixstore, record: ImageRecord) -> list[bytes]:
    async with await pix.open_payload(record.id, proof=record.stateless_proof) as payload:
        return [piece async for piece in payload]


def batch_of(record: ImageRecord) -> bytes:
    return json.dumps({"images": [{"id": record.id, "proof": record.stateless_proof}]}).encode()


async def every_operation(pix: Pixstore, record: ImageRecord) -> None:
    for strips in (True, False):
        await pix.save_image(pieces("webp"), strip_metadata=strips)
        await pix.save_image(PICTURES["png"], strip_metadata=strips)
        await pix.update_image(record.id, PICTURES["jpeg"], strip_metadata=strips)
    for damaged in (PICTURES["png"][:-8], pieces("jpeg", ends_well=False)):
        with pytest.raises((InvalidImage, Failure)):
            await pix.save_image(damaged)
    records = await pix.get_image_records([record.id])
    assert (await read(pix, record))[0][0] == 1
    proof = {"x-pixstore-proof": record.stateless_proof}
    async with client(PixstoreApp(pix)) as http:
        for _ in range(2):  # out of the store, then out of memory
            assert (await http.get(f"/{record.id}", headers=proof)).content[0] == 1
        answer = await http.post("/-/batch", content=batch_of(record), headers={"content-type": "text/plain"})
        assert len(answer.content) > 500
    async with client(RecordsApp(pix, lambda scope, image_id: True)) as http:
        for headers in ({}, SealedPage().headers):
            assert (await http.get("/", params={"id": record.id}, headers=headers)).json().keys() == records.keys()
    await records_response(pix, records)
    exported = await pix.export_image(record.id)
    assert exported is not None
    await pix.import_image("taken", exported.image.data, token=exported.token, seal=exported.seal)
    await pix.reseal_image(record.id)
    ImageRecord.parse(json.loads(json.dumps(record)))


MOMENTARY = {
    # They hold the text of a value for a line or two that cannot fail, or the value that a caller holds as well.
    "core/record.py: decode_base64: text",
    "core/record.py: decode_base64: value",
    "core/record.py: encode_base64: value",
    "core/hidden.py: __add__: other",
    "core/hidden.py: hidden_text: value",
    "core/record.py: create: proof",
    "core/record.py: _mapping: value",
    "core/record.py: parse: value",
    "pixstore.py: open_payload: proof",
    "pixstore.py: save_image: data",
    "pixstore.py: update_image: data",
    "pixstore.py: import_image: data",
    "saving/source.py: viewed: data",
    "saving/sealing.py: write_bytes: data",
    "serving/reading.py: _export: data",
    "asgi/delivery.py: read_body: message",
    "asgi/http.py: read_request: value",
    "core/requests.py: parse_batch: listed",
    "core/requests.py: <listcomp>: entry",  # from Python 3.12 on the next one
    "core/requests.py: parse_batch: entry",
    "core/requests.py: _request: entry",
}


@pytest.mark.slow
async def test_local_variables_of_the_package(hidden: set[str]) -> None:
    """No local variable of the package shows a key, a proof or a picture at any line: an error may pass there."""
    store = MemoryStore()
    async with pixstore(store) as pix, pixstore(store, secret=[SECRET, OTHER_SECRET]) as rotated:
        record = await pix.save_image(picture())
        look = LocalsAtEveryLine(hidden)
        before = sys.gettrace()
        sys.settrace(look)
        try:
            await every_operation(pix, record)
            assert await rotated.rewrap_keys() > 0
        finally:
            sys.settrace(before)
    assert look.found <= MOMENTARY, look.found - MOMENTARY


async def broken_send(message: Any) -> None:
    if message["type"] == "http.response.body":
        raise Failure


async def received() -> Any:
    return {"type": "http.request", "body": b""}


def failing_operations(pix: Pixstore, record: ImageRecord) -> Iterator[Awaitable[object]]:
    """Yield operations that break in the middle: in the application's own stream, callback, rule or connection."""
    # The server's own variables, which SECURITY.md names, are left out. Without the token the answer brings the key.
    header = (b"x-pixstore-proof", HiddenBytes(record.stateless_proof, "ascii"))
    app, scope = PixstoreApp(pix), scope_of(record, headers=[header])
    yield pix.save_image(pieces("png", ends_well=False), strip_metadata=True)
    yield pix.save_image(PICTURES["png"], on_progress=fail)
    yield pix.update_image(record.id, pieces("webp", ends_well=False))
    yield pix.save_image(PICTURES["jpeg"][:-100])
    yield pix.rewrap_keys(fail)
    for _ in range(2):  # out of the store, then out of memory
        yield app(scope, received, broken_send)
    posted = iter([{"type": "http.request", "body": batch_of(record)}])

    async def batch() -> Any:
        return next(posted, {"type": "http.request"})

    yield app({**scope, "method": "POST", "path": "/-/batch"}, batch, broken_send)
    asked = {**scope, "path": "/", "query_string": f"id={record.id}".encode()}
    yield RecordsApp(pix, lambda scope, image_id: True)(asked, received, broken_send)

    async def listed() -> None:
        response = await records_response(pix, [record.id])
        await response({**scope, "extensions": {}}, received, broken_send)

    yield listed()

    async def of_the_application() -> None:
        records = await pix.get_image_records([record.id])
        listed, joined, copied = list(records.values()), record | {"title": "A picture"}, record.copy()
        fail(listed, joined, copied)

    yield of_the_application()


TRACKERS: dict[str, Callable[[BaseException], str]] = {"sentry": sentry_text, "traceback": captured_locals}


def tracker(name: str) -> Callable[[Callable[[BaseException], str]], Callable[[BaseException], str]]:
    def note(function: Callable[[BaseException], str]) -> Callable[[BaseException], str]:
        TRACKERS[name] = function
        return function

    return note


@tracker("rich")
def rich_text(error: BaseException) -> str:
    output = StringIO()
    console = rich.console.Console(file=output, width=200)
    shown = rich.traceback.Traceback.from_exception(
        type(error), error, error.__traceback__, show_locals=True, extra_lines=0
    )
    console.print(shown)
    return output.getvalue()


@tracker("structlog")
def structlog_text(error: BaseException) -> str:
    event = {"exc_info": (type(error), error, error.__traceback__)}
    told = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer())(None, "", event)
    return json.dumps(told)


@tracker("django")
def django_page(error: BaseException) -> str:
    configure_django()
    page = django.views.debug.ExceptionReporter(None, type(error), error, error.__traceback__)
    return str(page.get_traceback_html() + page.get_traceback_text())


async def failure_of(operation: Awaitable[object]) -> BaseException:
    """Return the error that breaks an operation, without the frames of the test, which knows the secrets."""
    try:
        await operation
    except Exception as error:
        return error
    raise AssertionError("nothing failed")


@pytest.mark.parametrize("name", [pytest.param("rich", marks=pytest.mark.slow), *sorted({*TRACKERS} - {"rich"})])
async def test_errors_in_every_operation(hidden: set[str], name: str) -> None:
    """An error in the middle of an operation brings no key, proof, secret or picture to a tracker of variables."""
    store = MemoryStore()
    async with pixstore(store) as pix, pixstore(store, secret=[SECRET, OTHER_SECRET]) as rotated:
        record = await pix.save_image(picture("png", 100))
        for number, operation in enumerate(failing_operations(rotated, record)):
            text = TRACKERS[name](await failure_of(operation))
            assert "Failure" in text or "InvalidImage" in text
            assert not shows(text, hidden), (number, [line for line in text.split("\n") if shows(line + " ", hidden)])


async def test_printers(hidden: set[str]) -> None:
    """Printing a record, or a list or dict of records, shows neither key nor proof."""
    async with pixstore(MemoryStore()) as pix:
        record = await pix.save_image(picture())
    copies = [record, record | {}, {} | record, record.copy(), {"a": record}, [record], record["meta"]]
    output = StringIO()
    console = rich.console.Console(file=output, width=200)
    renderer = structlog.dev.ConsoleRenderer(colors=False)
    for value in copies:
        console.print(value, rich.pretty.pretty_repr(value, max_string=8))
        texts = [repr(value), str(value), f"{value}", pprint.pformat(value, width=20), output.getvalue()]
        texts += [str(renderer(None, "", {"event": "saved", "picture": value})), logged(value)]
        assert not any(shows(text, hidden) for text in texts), value
    assert "ImageRecord" in output.getvalue()


async def test_a_plain_copy_shows_its_proof_only(hidden: set[str]) -> None:
    """`dict(record)` hides the key, which is a level below; the proof, of a minute at most, stands in it."""
    async with pixstore(MemoryStore()) as pix:
        record = await pix.save_image(picture())
    for copied in (dict(record), {**record}):
        assert not shows(repr(copied) + pprint.pformat(copied) + rich.pretty.pretty_repr(copied), spellings(KEY))
        assert shows(repr(copied), hidden)


async def test_a_logged_body(hidden: set[str], caplog: pytest.LogCaptureFixture) -> None:
    """A body that holds records hides itself where it is logged, and is sent as it is."""
    async with pixstore(MemoryStore()) as pix:
        record = await pix.save_image(picture())
        body = (await records_response(pix, [record.id])).body
        sent: list[Any] = []

        async def logged(message: Any) -> None:
            logging.getLogger("application").error("sent %r", message)
            sent.append(message)

        asked = scope_of(record, path="/", query_string=f"id={record.id}".encode())
        await RecordsApp(pix, lambda scope, image_id: True)(asked, received, logged)
    logging.getLogger("application").error("answered %r", body)
    assert json.loads(bytes(body)).keys() == json.loads(sent[1]["body"]).keys() == {record.id}
    assert "hidden bytes" in caplog.text
    assert not shows(caplog.text, hidden)


async def test_structlog_renders_json_of_a_record(hidden: set[str]) -> None:
    """The processor of SECURITY.md keeps records out of logs in JSON; structlog's renderer alone writes them whole."""
    async with pixstore(MemoryStore()) as pix:
        record = await pix.save_image(picture())
    written = structlog.processors.JSONRenderer()
    assert shows(str(written(None, "", {"picture": record})), hidden)
    names: dict[str, Any] = {}
    exec(snippet("hide_records"), names)  # noqa: S102
    shortened = names["hide_records"](None, "", {"picture": record, "id": record.id})
    assert json.loads(written(None, "", shortened)) == {"picture": repr(record), "id": record.id}


def snippet(word: str) -> str:
    """Return the block of code in SECURITY.md that has a word in it."""
    text = (ROOT / "SECURITY.md").read_text()
    return next(block for block in text.split("```python\n")[1:] if word in block).partition("```")[0]


async def sentry_of_a_request(**options: Any) -> tuple[str, ImageRecord]:
    """Return the report that Sentry sends of a failing rule, with the record of the request."""
    sentry, sent = sentry_client(**options)
    async with pixstore(MemoryStore()) as pix:
        record = await pix.save_image(picture())

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await PixstoreApp(pix)(scope, receive, fail)

        scope = scope_of(record, query_string=b"", server=("127.0.0.1", 80), scheme="http")
        with sentry_sdk.isolation_scope() as isolated:
            isolated.set_client(sentry)
            with pytest.raises(Failure):
                await SentryAsgiMiddleware(application)(scope, received, fail)
    sentry.close()
    return "\n".join(sent.texts), record


async def test_sentry_sends_a_request_without_its_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentry sends the header with the proof, and does not with the options that SECURITY.md has."""
    text, record = await sentry_of_a_request()
    assert record.stateless_proof in text
    options: dict[str, Any] = {}
    monkeypatch.setattr(sentry_sdk, "init", lambda **given: options.update(given))
    monkeypatch.setenv("SENTRY_DSN", "http://key@127.0.0.1/1")
    exec(snippet("sentry_sdk"), {})  # noqa: S102
    text, record = await sentry_of_a_request(**options)
    assert "x-pixstore-proof" in text.lower()
    assert record.stateless_proof not in text
