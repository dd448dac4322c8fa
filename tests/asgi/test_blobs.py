"""Bare ciphertext for caches: access, headers, whole bodies and ranges."""

import asyncio
import sqlite3
import threading
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from pixstore_asgi import ConfigError, ImageRecord, Pixstore, PixstoreApp, PixstoreMiddleware
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.errors import StoreError
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.reads import Pace
from pixstore_asgi.store.tables import bodies
from pixstore_asgi.store.tables.transaction import Transaction
from tests.support.asgi import Wire, client, scope_of
from tests.support.chunks import ReadChunks
from tests.support.samples import SECRET, large_png, picture


async def blob_path(store: SqliteStore, record: ImageRecord) -> str:
    image = await store.get(record.id)
    assert image is not None
    return f"/-/blob/{image.meta.version.hex()}?id={record.id}"


def opened(record: ImageRecord, body: bytes) -> bytes:
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=body)[1]


async def test_a_version_has_its_headers(pix: Pixstore, store: SqliteStore) -> None:
    """The bare ciphertext comes without a proof, for every cache and page, and opens with the record's key."""
    record = await pix.save_image(picture(), directory="players")
    path = await blob_path(store, record)
    async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
        response = await http.get(path)
        head = await http.head(path)
    assert (response.status_code, opened(record, response.content)) == (200, picture())
    assert dict(response.headers) == {
        "content-type": "application/octet-stream",
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        "content-encoding": "identity",
        "cross-origin-resource-policy": "cross-origin",
        "accept-ranges": "bytes",
        "etag": f'"{path[8:40]}"',
        "access-control-allow-origin": "*",
        "content-length": str(1 + len(picture())),
    }
    assert (head.status_code, head.headers, head.content) == (200, response.headers, b"")


async def test_without_the_option_there_is_none(pix: Pixstore, store: SqliteStore) -> None:
    """An application that was not told to serves no ciphertext without a proof, nor does a middleware."""
    record = await pix.save_image(picture())
    path = await blob_path(store, record)
    async with client(PixstoreApp(pix)) as http:
        assert (await http.get(path)).status_code == 404
    app = PixstoreApp(pix)
    async with client(PixstoreMiddleware(app, pix)) as http:
        assert (await http.get(f"/pixstore-image{path}")).status_code == 404
    async with client(PixstoreMiddleware(app, pix, public_ciphertext=True)) as http:
        assert (await http.get(f"/pixstore-image{path}")).status_code == 200


async def test_only_who_knows_the_version_has_a_body_read(
    pix: Pixstore, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a version that is none, or not the current one, the row is looked at and no more."""
    record = await pix.save_image(picture())
    for read in ("read_nowait", "open_stream"):
        monkeypatch.setattr(store, read, None)
    async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
        for _ in range(3):
            assert (await http.get(f"/-/blob/{'0' * 32}?id={record.id}")).status_code == 404


async def test_another_version_is_not_found(pix: Pixstore, store: SqliteStore) -> None:
    """A version that was replaced, resealed or deleted, an unknown one and an invalid one get 404, which no cache
    keeps.
    """
    record = await pix.save_image(picture())
    other = await pix.save_image(picture("jpeg"))
    paths = [await blob_path(store, record)]
    await pix.update_image(record.id, picture("webp"))
    paths.append(await blob_path(store, record))
    await pix.reseal_image(record.id)
    paths.append(await blob_path(store, record))
    await pix.delete_image(record.id)
    version = (await blob_path(store, other))[8:40]
    paths += [f"/-/blob/{version}?id={name}" for name in (record.id, "", "%FF", "..", "a/b", "a:", "é", "a" * 9999)]
    paths += [f"/-/blob/{version}", f"/-/blob/?id={other.id}", f"/-/blob/{version.upper()}x?id={other.id}"]
    paths += [f"/-/blob/{'0' * 32}?id={other.id}", f"/-/blob/{version}?id={other.id}&id={other.id}"]
    async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
        for path in paths:
            response = await http.get(path)
            assert (response.status_code, response.headers["cache-control"]) == (404, "no-store"), path
        assert (await http.get(f"/-/blob/{version}?id={other.id}")).status_code == 200


SPELLINGS = [
    ("/-/blob/VERSION", "%69d=ID"),
    ("/-/blob/VERSION", "id=%49D"),
    ("/-/blob/VERSION", "id=players%3ANAME"),
    ("/-/blob/VERSION", "id=players%3aNAME"),
    ("/-/blob/VERSION", "id=ID&"),
    ("/-/blob/VERSION", "&id=ID"),
    ("/-/blob/VERSION", "id=ID&x=1"),
    ("/-/blob/VERSION", "id=ID#1"),
    ("/-/blob/VERSION", "id=+ID"),
    ("/-/blob/VERSION", "ID=ID"),
    ("/-/blob/VERSION/", "id=ID"),
    ("/-/blob//VERSION", "id=ID"),
    ("//-/blob/VERSION", "id=ID"),
    ("/-/blob/./VERSION", "id=ID"),
    ("/-/./blob/VERSION", "id=ID"),
    ("/%2D/blob/VERSION", "id=ID"),
    ("/-/%62lob/VERSION", "id=ID"),
    ("/-%2Fblob/VERSION", "id=ID"),
    ("/-%2fblob%2fVERSION", "id=ID"),
    ("/-/blob/%VERSION", "id=ID"),
    ("/-/blob/VERSION%2F", "id=ID"),
    ("/-/blob/VERSION;a=1", "id=ID"),
]
"""Other spellings of one path and query, for `players:NAME` as ID; `%VERSION` has its first digit encoded."""


@pytest.mark.parametrize(("path", "query"), SPELLINGS)
async def test_a_ciphertext_has_one_url(pix: Pixstore, store: SqliteStore, path: str, query: str) -> None:
    """Only the spelling that `ciphertext_url` gives yields the ciphertext; no cache keeps the answer to another one."""
    record = await pix.save_image(picture(), directory="players")
    version = (await blob_path(store, record))[8:40]
    raw = path.replace("%VERSION", f"%3{version[0]}{version[1:]}" if version[0].isdigit() else version.upper())
    raw = raw.replace("VERSION", version)
    query = query.replace("ID", record.id).replace("NAME", record.id.removeprefix("players:"))
    app = mounted(pix)
    for mount in ("", "/images", "/my%20images"):
        assert await is_served(app, f"{mount}/-/blob/{version}", f"id={record.id}")
        assert not await is_served(app, mount + raw, query)


@pytest.mark.parametrize("mount", ["/%69mages", "/im%61ges", "/my%20%69mages", "/%6dy%20images", "/images%2F-/blob/.."])
async def test_the_mounts_path_has_one_spelling(pix: Pixstore, store: SqliteStore, mount: str) -> None:
    """A mount's path in another spelling is no further URL of the same ciphertext either."""
    path, _, query = (await blob_path(store, await pix.save_image(picture()))).partition("?")
    assert not await is_served(mounted(pix), mount + path, query)


async def test_a_server_without_the_raw_path(pix: Pixstore, store: SqliteStore) -> None:
    """Where a server hides the spelling the decoded path counts; Litestar ends that with a slash."""
    path, _, query = (await blob_path(store, await pix.save_image(picture()))).partition("?")
    app = PixstoreApp(pix, public_ciphertext=True)
    for slash in ("", "/"):
        for raw, served in ((None, True), (path.encode(), True), (path.encode() + b"/", False)):
            assert await is_served(app, path + slash, query, raw=raw) == served, (slash, raw)


def mounted(pix: Pixstore) -> Starlette:
    """Return an application that serves ciphertext at its root and at two mounts."""
    app = PixstoreApp(pix, public_ciphertext=True)
    return Starlette(routes=[Mount("/images", app), Mount("/my images", app), Mount("", app)])


async def is_served(app: Any, path: str, query: str, *, raw: Any = ...) -> bool:
    """Ask for a path as it is; True if the answer is the ciphertext. Any other answer must have no-store."""
    wire = Wire()
    raw = path.encode() if raw is ... else raw
    scope = {"type": "http", "method": "GET", "path": unquote(path), "raw_path": raw, "root_path": "", "headers": []}
    await app({**scope, "query_string": query.encode()}, wire.receive, wire.send)
    headers = dict(wire.sent[0]["headers"])
    assert headers[b"cache-control"] == b"no-store" or wire.sent[0]["status"] == 200
    return bool(headers[b"cache-control"] == b"public, max-age=31536000, immutable")


@pytest.mark.parametrize("cache_bytes", [0, 64 * 1024 * 1024])
@pytest.mark.parametrize("size", [1000, 3 * CHUNK_BYTES, 6 * CHUNK_BYTES + 5])
async def test_ranges(pix: Pixstore, store: SqliteStore, size: int) -> None:
    """A range is the stretch of the whole that it names, out of memory, of a row or of a stream of chunks."""
    record = await pix.save_image(large_png(size))
    path = await blob_path(store, record)
    asked = ["0-0", "0-", "-1", f"-{10 * size}", "7-99", f"{size // 2}-", f"{size}-{size}", f"5-{10**18}"]
    async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
        whole = (await http.get(path)).content
        assert opened(record, whole) == large_png(size)
        for text in asked:
            response = await http.get(path, headers={"range": f"bytes={text}"})
            span = response.headers["content-range"].removeprefix("bytes ").removesuffix(f"/{size + 1}").split("-")
            first, last = map(int, span)
            assert (response.status_code, response.content) == (206, whole[first : last + 1]), text
            assert response.headers["content-length"] == str(last + 1 - first)
            start, _, end = text.partition("-")
            assert first == (int(start) if start else max(size + 1 - int(end), 0))
            assert last == (min(int(end), size) if start and end else size)


async def test_ranges_that_are_not_served(pix: Pixstore, store: SqliteStore) -> None:
    """A range behind the end is 416 with the length. A malformed, multiple or conditional one, or one of a HEAD, gets
    the whole.
    """
    record = await pix.save_image(picture())
    path = await blob_path(store, record)
    size = 1 + len(picture())
    async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
        for text in (f"{size}-", f"{10**18}-", "-0"):
            response = await http.get(path, headers={"range": f"bytes={text}"})
            assert (response.status_code, response.content) == (416, b"")
            assert response.headers["content-range"] == f"bytes */{size}"
            assert response.headers["cache-control"] == "no-store"
        for text in ("bytes=5-4", "bytes=-", "bytes=0-1,3-4", "bytes=a-b", "items=0-1", "bytes 0-1", "bytes=٣-٤", ""):
            response = await http.get(path, headers=[(b"range", text.encode())])
            assert (response.status_code, len(response.content)) == (200, size), text
        etag = response.headers["etag"]
        for condition, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
            sent = {"range": "bytes=0-1", "if-range": condition}
            assert (await http.get(path, headers=sent)).status_code == status
        assert (await http.head(path, headers={"range": "bytes=0-1"})).headers["content-length"] == str(size)


async def test_known_bytes_are_not_sent_again(pix: Pixstore, store: SqliteStore) -> None:
    """A request with the version's ETag, alone, among others or as weak, gets 304 before any range is read."""
    path = await blob_path(store, await pix.save_image(picture()))
    async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
        etag = (await http.get(path)).headers["etag"]
        for known in (etag, f'"a", {etag}', f"W/{etag}", "*"):
            response = await http.get(path, headers={"if-none-match": known, "range": "bytes=0-1"})
            assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
        assert (await http.get(path, headers={"if-none-match": '"a"'})).status_code == 200


async def test_origins_share_one_copy(pix: Pixstore, store: SqliteStore) -> None:
    """Every origin gets the same headers, also an unlisted one. If the host sets CORS itself, there are none."""
    path = await blob_path(store, await pix.save_image(picture()))
    for origins, header in ((["https://a.example"], "*"), (None, None)):
        app = PixstoreApp(pix, public_ciphertext=True, allow_origins=origins)
        async with client(app) as http:
            response = await http.get(path, headers={"origin": "https://b.example"})
        assert response.headers.get("access-control-allow-origin") == header
        assert "vary" not in response.headers


@pytest.mark.parametrize(
    "rule",
    [
        {"authorize": lambda scope, image_id: True},
        {"authorize_many": lambda scope, image_ids: image_ids},
        {"audience": lambda scope: "everybody"},
    ],
    ids=lambda rule: next(iter(rule)),
)
def test_a_rule_is_never_passed_by(rule: dict[str, Any]) -> None:
    """An application with a rule of its own refuses the option, which would serve images past it."""
    pix = Pixstore(MemoryStore(), secret=SECRET)
    with pytest.raises(ConfigError, match="public_ciphertext serves every version without asking"):
        PixstoreApp(pix, public_ciphertext=True, **rule)


async def test_a_failing_store_is_kept_by_no_cache(caplog: pytest.LogCaptureFixture) -> None:
    """503 with no-store and a line in the log where the store fails."""

    class FailingStore(MemoryStore):
        async def get(self, image_id: str) -> Any:
            raise StoreError("the disk is away")

    app = PixstoreApp(Pixstore(FailingStore(), secret=SECRET), public_ciphertext=True)
    async with client(app) as http:
        response = await http.get(f"/-/blob/{'0' * 32}?id=a")
    assert (response.status_code, response.headers["cache-control"]) == (503, "no-store")
    assert "the ciphertext of image 'a' can't be served: the disk is away" in caplog.text


@pytest.mark.parametrize("cache_bytes", [0])
@pytest.mark.parametrize("asked", [[], [(b"range", b"bytes=300000-")]], ids=["whole", "range"])
async def test_slow_and_lost_clients_hold_nothing(pix: Pixstore, store: SqliteStore, asked: Any) -> None:
    """A client that leaves, or takes nothing for send_timeout_s, ends its stream of the store, whole or in part."""
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    path, _, query = (await blob_path(store, record)).partition("?")
    scope = scope_of(record, path=path, query_string=query.encode(), headers=asked)
    leaving, stalling = Wire(stall_after=3), Wire(stall_after=1)
    task = asyncio.create_task(PixstoreApp(pix, public_ciphertext=True)(scope, leaving.receive, leaving.send))
    await leaving.has_stalled.wait()
    assert store.in_use
    leaving.gone.set()
    await asyncio.wait_for(task, 5)
    assert not store.in_use
    app = PixstoreApp(pix, public_ciphertext=True, send_timeout_s=0.05)
    await asyncio.wait_for(app(scope, stalling.receive, stalling.send), 5)
    assert not store.in_use
    assert [wire.is_complete for wire in (leaving, stalling)] == [False, False]


@pytest.mark.parametrize("cache_bytes", [0, 64 * 1024 * 1024])
async def test_a_range_costs_its_own_chunks(pix: Pixstore, store: SqliteStore, read_chunks: ReadChunks) -> None:
    """A range of a long body reads the chunks that it lies in, and at most one after them, wherever it begins.

    It does so too if the cache would keep the whole body.
    """
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    path = await blob_path(store, record)
    async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
        whole = (await http.get(path)).content
        for first, last, most in (
            (len(whole) - 1, len(whole) - 1, {20}),
            (9 * CHUNK_BYTES, 9 * CHUNK_BYTES, {9, 10}),
            (9 * CHUNK_BYTES - 1, 9 * CHUNK_BYTES, {8, 9, 10}),
            (7 * CHUNK_BYTES + 5, 13 * CHUNK_BYTES - 1, set(range(7, 14))),
        ):
            read_chunks.numbers.clear()
            response = await http.get(path, headers={"range": f"bytes={first}-{last}"})
            assert response.content == whole[first : last + 1]
            numbers = read_chunks.numbers
            assert {first // CHUNK_BYTES, last // CHUNK_BYTES} <= set(numbers) <= most
            assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("cache_bytes", [0])
async def test_what_is_read_counts_into_the_time(
    pix: Pixstore, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A range that is not reached within max_stream_s ends there: a short one in a 503, which no cache keeps."""
    read_chunk = bodies.read_chunk

    async def read_slowly(tx: Transaction, body: int, number: int) -> bytes | None:
        threading.Event().wait(0.2)  # on the reader's thread
        return await read_chunk(tx, body, number)

    monkeypatch.setattr(Pace, "is_quick", lambda self: False)
    monkeypatch.setattr(bodies, "read_chunk", read_slowly)
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    path = await blob_path(store, record)
    app = PixstoreApp(pix, public_ciphertext=True, max_stream_s=0.1)
    async with client(app) as http:
        response = await http.get(path, headers={"range": "bytes=-5"})
    assert (response.status_code, response.headers["cache-control"]) == (503, "no-store")
    assert "not read within max_stream_s, 0.1 s" in caplog.text
    assert not store.in_use
    below, _, query = path.partition("?")
    asked = [(b"range", f"bytes={15 * CHUNK_BYTES}-".encode())]
    wire = Wire()
    await app(scope_of(record, path=below, query_string=query.encode(), headers=asked), wire.receive, wire.send)
    assert not wire.body
    assert not store.in_use


@pytest.mark.parametrize("cache_bytes", [0])
async def test_what_needs_no_body_holds_nothing(pix: Pixstore, store: SqliteStore) -> None:
    """HEAD, 304, 416 and 404 give the store's stream back unread."""
    record = await pix.save_image(large_png(9 * CHUNK_BYTES))
    path = await blob_path(store, record)
    async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
        for method, url, sent, status in (
            ("HEAD", path, {}, 200),
            ("GET", path, {"if-none-match": "*"}, 304),
            ("GET", path, {"range": "bytes=99999999-"}, 416),
            ("GET", f"/-/blob/{'0' * 32}?id={record.id}", {}, 404),
        ):
            assert (await http.request(method, url, headers=sent)).status_code == status
            assert not store.in_use


async def test_an_update_between_row_and_body(
    pix: Pixstore, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an image is updated after its row was read, its old version is not found, short or long."""
    get = store.get

    async def get_late(image_id: str) -> Any:
        patched.undo()
        image = await get(image_id)
        await pix.update_image(image_id, large_png(size))
        return image

    for size in (300, 9 * CHUNK_BYTES):
        record = await pix.save_image(large_png(size))
        path = await blob_path(store, record)
        with monkeypatch.context() as patched:
            patched.setattr(store, "get", get_late)
            pix._life.images.forget(record.id)
            async with client(PixstoreApp(pix, public_ciphertext=True)) as http:
                assert (await http.get(path)).status_code == 404
        assert not store.in_use


@pytest.mark.parametrize("cache_bytes", [0])
async def test_a_lost_chunk_is_no_ciphertext(
    pix: Pixstore, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a chunk is missing a short range over it is 503, which no cache keeps, and a long body ends before it."""
    record = await pix.save_image(large_png(9 * CHUNK_BYTES))
    path = await blob_path(store, record)
    with sqlite3.connect(store.path) as edited:
        edited.execute("DELETE FROM chunk WHERE id & 65535 = 2")
    edited.close()
    app = PixstoreApp(pix, public_ciphertext=True)
    async with client(app) as http:
        response = await http.get(path, headers={"range": f"bytes={2 * CHUNK_BYTES}-{3 * CHUNK_BYTES}"})
    assert (response.status_code, response.headers["cache-control"]) == (503, "no-store")
    wire = Wire()
    below, _, query = path.partition("?")
    await app(scope_of(record, path=below, query_string=query.encode(), headers=[]), wire.receive, wire.send)
    assert (wire.is_complete, len(wire.body)) == (False, 2 * CHUNK_BYTES)
    assert caplog.text.count("restore it from a backup") == 2
    assert not store.in_use
