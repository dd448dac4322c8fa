"""Bodies in S3 beyond the contract: opening, bad networks, broken uploads, sweeps, and invisible objects."""

import asyncio
import os
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest

from pixstore_asgi import ConfigError, Pixstore, PixstoreApp, WireState
from pixstore_asgi.errors import IntegrityError, StoreBusy, StoreConflict, StoreError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.contract import CHUNK_BYTES, Expect, ImageWriter
from pixstore_asgi.store.contract_tests.steps import body_of, meta_of, read, save
from pixstore_asgi.store.s3 import S3Bucket, Uploads
from pixstore_asgi.store.s3.objects import _PROBE, Objects
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.tables import gc
from tests.support.asgi import client
from tests.support.bad_network import BadNetwork, bad_network
from tests.support.clock import FixedClock
from tests.support.paths import ROOT
from tests.support.payloads import served
from tests.support.postgres import Cluster
from tests.support.requests import headers
from tests.support.s3 import SECRET_KEY, S3Server
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import free_port
from tests.support.service import until
from tests.support.sqlite import query

pytestmark = pytest.mark.slow

LARGE = body_of(23 * CHUNK_BYTES + 7)  # more than one part


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return f"test-{abs(hash(tmp_path))}"


@pytest.fixture
async def network(s3: S3Server) -> AsyncIterator[BadNetwork]:
    async with bad_network(s3.port) as made:
        yield made


@pytest.fixture
async def store(tmp_path: Path, s3: S3Server, prefix: str, network: BadNetwork) -> AsyncIterator[SqliteStore]:
    """A store with a bucket behind a network that a test can disturb."""
    bucket = S3Bucket(s3.url(prefix, port=network.port), busy_timeout_s=1.5)
    made = SqliteStore(tmp_path / "images.db", bodies=bucket, sweep_grace_s=0)
    await made.open()
    yield made
    network.statuses.clear()
    network.says_more.set()
    network.is_gone = False
    await made.close()


def bucket_of(store: SqliteStore) -> S3Bucket:
    assert isinstance(store._bodies, S3Bucket)
    return store._bodies


async def beyond_the_grace_period() -> None:
    """Let the clock's next millisecond come: the grace period of these stores is 0."""
    await asyncio.sleep(0.002)


async def test_deletes_alone_empty_the_bucket(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that only deletes images removes their bodies a little with each delete."""
    for name in ("a", "b"):
        await save(store, name, LARGE)
    monkeypatch.setattr("pixstore_asgi.store.tables.gc._EVERY_S", 0.0)
    for name in ("a", "b", "gone"):
        await store.delete(name)
        sweep = store._occasional_gc._runs.get()
        assert sweep is not None
        await sweep.task
        await beyond_the_grace_period()
    assert await bucket_of(store).is_empty()


# Opening


@pytest.mark.parametrize(
    "url",
    ["s3:bucket", "s3://", "https://bucket/x", "s3://key:hunter2@bucket/x", "s3://bucket/x?keys=hunter2", "s3://b?=x"],
)
def test_what_is_no_bucket_is_refused(url: str) -> None:
    """A URL that is not s3://, has a password, or an unknown option is a ConfigError that repeats nothing of it."""
    with pytest.raises(ConfigError, match="blobs must be a folder or s3://bucket/prefix") as caught:
        Pixstore("pixstore.db", blobs=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "blobs is empty"),
        ("s3://b/x?endpont=http://127.0.0.1:1", "there is no option endpont"),
        ("s3://b/x?hunter2.hunter2=x", "no such option"),
        ("s3://b/x?region=a&region=b", "an option occurs twice"),
        ("s3://key:hunter2@b/x", "credentials belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3://b/../x", "no part of the prefix may be empty, . or .."),
        ("s3://b/x//y", "no part of the prefix may be empty, . or .."),
        ("s3://b/x?endpoint=127.0.0.1:8333", "must begin with http:// or https://"),
        ("s3://b/x?endpoint=http://", "must begin with http:// or https://"),
        ("s3://b/x?endpoint=http://key:hunter2@127.0.0.1", "and hold no credentials"),
    ],
)
def test_what_is_wrong_with_a_buckets_url_is_told(url: str, complaint: str) -> None:
    """The error names the option, the prefix or the endpoint, and no part that may be a credential."""
    with pytest.raises(ConfigError) as caught:
        Pixstore("pixstore.db", blobs=url)
    assert complaint in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
async def test_the_environment_names_the_endpoint(s3: S3Server, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Where the URL names no endpoint, the environment's is used and checked, and never overrules the URL."""
    monkeypatch.setenv(variable, "127.0.0.1:1")
    with pytest.raises(ConfigError, match="must begin with http"):
        S3Bucket("s3://pictures/x")
    if variable == "AWS_ENDPOINT_URL":
        await S3Bucket(s3.url("x")).open()
    else:
        with pytest.raises(ConfigError, match="name different endpoints"):
            S3Bucket(s3.url("x"))
    monkeypatch.setenv(variable, f"http://127.0.0.1:{s3.port}")
    bucket = S3Bucket("s3://pictures/x")
    await bucket.open()
    assert bucket.place == S3Bucket(s3.url("x")).place


def test_a_store_of_ones_own_takes_bodies_itself(tmp_path: Path) -> None:
    """With a store that is made already, blobs= is refused with a remedy."""
    with pytest.raises(ConfigError, match="pass bodies=S3Bucket"):
        Pixstore(SqliteStore(tmp_path / "images.db"), blobs="s3://bucket/prefix")


def test_a_missing_extra_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without obstore a bucket is refused where it is given."""
    monkeypatch.setattr("pixstore_asgi.store.connect.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[s3\]'"):
        Pixstore("pixstore.db", blobs="s3://bucket/prefix")


async def test_an_object_of_any_name_keeps_no_bucket_from_opening(
    store: SqliteStore, s3: S3Server, prefix: str
) -> None:
    """One under the name that the opening asks for is an answer, too."""
    await bucket_of(store)._opened().put(_PROBE, b"here")
    other = S3Bucket(s3.url(prefix))
    await other.open()
    assert not await other.is_empty()
    await other.close()


async def test_a_bucket_that_is_not_there_is_told(tmp_path: Path, s3: S3Server) -> None:
    """A missing bucket is one sentence, and the store stays closed."""
    pix = Pixstore(tmp_path / "images.db", blobs=s3.url("x", bucket="nowhere"), secret=SECRET)
    with pytest.raises(StoreError, match="the bucket nowhere does not exist"):
        await pix.open()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AWS_SECRET_ACCESS_KEY", "hunter2", "refused the credentials .*: AWS_SECRET_ACCESS_KEY is not the one"),
        ("AWS_ACCESS_KEY_ID", "hunter2", "refused the credentials .*: it does not know this AWS_ACCESS_KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY", None, "are missing: set AWS_SECRET_ACCESS_KEY too"),
        ("AWS_ACCESS_KEY_ID", None, "are missing: set AWS_ACCESS_KEY_ID too"),
    ],
)
async def test_wrong_credentials_are_told(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None, message: str
) -> None:
    """A wrong or missing key is one sentence that names its variable and holds no key."""
    monkeypatch.delenv(variable) if value is None else monkeypatch.setenv(variable, value)
    pix = Pixstore(tmp_path / "images.db", blobs=s3.url("x"), secret=SECRET)
    with pytest.raises(StoreError, match=message) as caught:
        await pix.open()
    assert caught.value.__cause__ is None
    assert not any(word in str(caught.value) for word in ("hunter2", SECRET_KEY))


OPENED_AND_LEFT = """
    import asyncio, sys
    from pixstore_asgi.store.s3 import S3Bucket
    asyncio.run(S3Bucket(sys.argv[1]).open())
"""


async def test_a_process_that_ends_at_once_ends_well(s3: S3Server, prefix: str) -> None:
    """However soon after an answer a process ends, its exit code is its own: one in five was killed by SIGABRT."""
    command = (sys.executable, "-c", textwrap.dedent(OPENED_AND_LEFT), s3.url(prefix))
    for _ in range(4):
        processes = [await asyncio.create_subprocess_exec(*command) for _ in range(4)]
        assert [await process.wait() for process in processes] == [0] * 4


async def test_a_server_that_is_not_there_is_told(tmp_path: Path, s3: S3Server) -> None:
    """If no server listens, opening fails within ten seconds and names the address."""
    port = free_port()
    pix = Pixstore(tmp_path / "images.db", blobs=s3.url("x", port=port), secret=SECRET)
    with pytest.raises(StoreBusy, match=f"the bucket s3://pictures/x at http://127.0.0.1:{port} can't be reached"):
        await asyncio.wait_for(pix.open(), 11)


async def test_a_server_that_says_nothing_is_told(s3: S3Server, network: BadNetwork) -> None:
    """Where somebody listens and says nothing, opening ends in time."""
    network.says_more.clear()
    with pytest.raises(StoreBusy, match=f"the bucket s3://pictures/x at http://127.0.0.1:{network.port} ") as caught:
        await S3Bucket(s3.url("x", port=network.port), busy_timeout_s=0.3).open()
    assert caught.value.away == "bucket"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_store_without_its_bucket_says_so(
    tmp_path: Path, s3: S3Server, prefix: str, postgres: Cluster, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """Opened without blobs=, a store warns, lists its images and says of their bodies where they are."""
    schema = prefix.replace("-", "_")
    database = tmp_path / "images.db" if kind == "sqlite" else f"{postgres.url()}?schema={schema}"
    async with Pixstore(database, secret=SECRET), Pixstore(database, blobs=s3.url(prefix), secret=SECRET) as pix:
        record = await pix.save_image(picture())
    async with Pixstore(database, blobs=s3.url(prefix), secret=SECRET):
        assert "bodies outside its database" not in caplog.text
    async with Pixstore(database, secret=SECRET) as pix:
        assert caplog.text.count("this store has bodies outside its database, but blobs= is not given") == 1
        assert [image.id for image in await pix.list_images()] == [record.id]
        with pytest.raises(StoreError, match="is outside the database"):
            await pix.read_image(record.id)


async def test_bodies_of_before_stay_readable(tmp_path: Path, s3: S3Server, prefix: str) -> None:
    """A database that gets a bucket reads its old images from itself and keeps new versions in the bucket."""
    database = tmp_path / "images.db"
    async with Pixstore(database, secret=SECRET) as pix:
        old, older = [await pix.save_image(large_png(size)) for size in (2_000_000, 2_000_001)]
    async with Pixstore(database, blobs=s3.url(prefix), secret=SECRET) as pix:
        await pix.update_image(older.id, picture())
        found = [await pix.read_image(record.id) for record in (old, older)]
    assert [image and image.data for image in found] == [large_png(2_000_000), picture()]
    assert len(s3.names(prefix)) == 1


# Bad networks


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
async def test_busy_answers_are_tried_again(store: SqliteStore, network: BadNetwork, body: bytes) -> None:
    """SlowDown and server errors in passing are not noticed, in writes and in reads."""
    network.statuses = [503, 500]
    network.drop()
    saved = await save(store, "a", body)
    network.statuses = [503, 500]
    network.drop()
    assert (await store.get("a"), await read(store, "a")) == (saved, body)


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
async def test_a_bucket_that_stays_away_is_busy(store: SqliteStore, network: BadNetwork, body: bytes) -> None:
    """While the bucket is gone, saves and reads are StoreBusy and change nothing; when it is back they work."""
    saved = await save(store, "a", b"first")
    network.is_gone = True
    network.drop()
    with pytest.raises(StoreBusy):
        await save(store, "a", body)
    with pytest.raises(StoreBusy):
        await read(store, "a")
    network.is_gone = False
    assert (await store.get("a"), await read(store, "a")) == (saved, b"first")
    await save(store, "a", body)
    assert await read(store, "a") == body


async def test_a_process_that_loses_its_bucket_stays_ready(
    store: SqliteStore, network: BadNetwork, s3: S3Server, prefix: str
) -> None:
    """It serves images in memory, although a new process is not ready: otherwise all would be taken for broken."""
    async with Pixstore(store, secret=SECRET) as pix, client(PixstoreApp(pix)) as http:
        record = await pix.save_image(picture())
        for _ in range(2):  # kept once it is asked for again
            await http.get(f"/{record.id}", headers=headers(record))
        network.is_gone = True
        network.drop()
        assert (await http.get("/-/ready")).json() == {"ready": True}
        image = await http.get(f"/{record.id}", headers=headers(record))
        assert image.headers["x-pixstore-state"] == "Success"
    bucket = S3Bucket(s3.url(prefix, port=network.port), busy_timeout_s=0.3)
    starting = Pixstore(SqliteStore(store.path, bodies=bucket), secret=SECRET)
    async with client(PixstoreApp(starting)) as http:
        assert (await http.get("/-/ready")).json() == {"ready": False, "reason": "store"}
        network.is_gone = False
        await asyncio.sleep(1)
        assert (await http.get("/-/ready")).json() == {"ready": True}
    await starting.close()


async def test_a_bucket_that_is_gone_for_a_while_is_waited_for(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    """A save and a read that meet a short outage go on once it has passed."""
    async with bad_network(s3.port) as network:
        bucket = S3Bucket(s3.url(prefix, port=network.port), busy_timeout_s=10)
        store = SqliteStore(tmp_path / "images.db", bodies=bucket)
        await store.open()
        network.is_gone = True
        network.drop()
        saving = asyncio.ensure_future(save(store, "a", b"body"))
        await asyncio.sleep(1)
        network.is_gone = False
        await saving
        assert await read(store, "a") == b"body"
        await store.close()


async def test_a_body_that_is_cut_short_is_gone_on_with(store: SqliteStore, network: BadNetwork) -> None:
    """Where connections break in the middle of a body, reading goes on at that byte."""
    await save(store, "a", LARGE)
    before = network.connections
    network.cut_after = 2_000_000
    network.drop()
    assert await read(store, "a") == LARGE
    assert network.connections - before > 2


async def test_a_body_that_breaks_again_and_again_fails(store: SqliteStore, network: BadNetwork) -> None:
    """Where no connection brings a further byte, reading ends with an error, and nothing is padded."""
    await save(store, "a", LARGE)
    network.cut_after = 10  # not even the answer's head
    network.drop()
    stream = await store.open_stream("a")
    assert stream is not None
    with pytest.raises(StoreBusy):
        await anext(stream)


async def test_skipped_chunks_are_not_asked_for(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket sends the body from the first chunk on that is not skipped."""
    await save(store, "a", LARGE)
    starts: list[int] = []
    get = Objects.get

    async def noted(objects: Objects, name: str, start: int = 0) -> Any:
        starts.append(start)
        return await get(objects, name, start)

    monkeypatch.setattr(Objects, "get", noted)
    stream = await store.open_stream("a")
    assert stream is not None
    assert stream.skip(len(LARGE) - 1) == 23 * CHUNK_BYTES
    assert [chunk async for chunk in stream] == [LARGE[23 * CHUNK_BYTES :]]
    assert starts == [23 * CHUNK_BYTES]


async def test_a_trickling_body_is_read(store: SqliteStore, network: BadNetwork) -> None:
    """A slow bucket is waited for as long as it brings something."""
    await save(store, "a", body_of(3 * CHUNK_BYTES))
    network.trickle_s = 0.05
    assert await read(store, "a") == body_of(3 * CHUNK_BYTES)


async def test_a_reader_that_is_cancelled_goes_on(store: SqliteStore, network: BadNetwork) -> None:
    """A reader that is cancelled at a chunk gets the same chunk when it asks again."""
    await save(store, "a", LARGE)
    stream = await store.open_stream("a")
    assert stream is not None
    body = await anext(stream)
    network.says_more.clear()
    while len(body) < len(LARGE):
        try:
            body += await asyncio.wait_for(anext(stream), 0.1)
        except TimeoutError:
            break
    network.says_more.set()
    assert body + b"".join([chunk async for chunk in stream]) == LARGE


@pytest.mark.parametrize("change", [lambda body: body[:-1], lambda body: body + b"x", lambda body: b""])
async def test_an_object_of_another_length_is_refused(
    store: SqliteStore, s3: S3Server, prefix: str, change: object
) -> None:
    """An object that something else has written over is a StoreError."""
    body = body_of(2 * CHUNK_BYTES)
    saved = await save(store, "a", body)
    assert callable(change)
    await bucket_of(store)._opened().put(saved.meta.version.hex(), change(body))
    with pytest.raises(StoreError, match="another length"):
        await read(store, "a")


@pytest.mark.parametrize("wrong", ["one bit flipped", "another object", "cut short", "longer"])
async def test_a_wrong_object_is_not_kept_in_memory(
    tmp_path: Path, s3: S3Server, prefix: str, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    """While the object is wrong no request keeps it in memory; once it is repaired all requests are served."""
    url = f"http://127.0.0.1:{s3.filer_port}/buckets/pictures/{prefix}"
    async with Pixstore(tmp_path / "images.db", blobs=s3.url(prefix), secret=SECRET) as pix:
        record = await pix.save_image(large_png(5000))
        other = await pix.save_image(large_png(5001)[:-1] + b"x")
        stored = await parts_of(pix).store.get_many([record.id, other.id])
        name = stored[record.id].meta.version.hex()
        async with httpx.AsyncClient() as http:
            right = (await http.get(f"{url}/{name}")).content
            foreign = (await http.get(f"{url}/{stored[other.id].meta.version.hex()}")).content
            bodies = {
                "one bit flipped": right[:100] + bytes([right[100] ^ 1]) + right[101:],
                "another object": foreign[: len(right)],
                "cut short": right[:-1],
                "longer": right + b"x",
            }
            (await http.put(f"{url}/{name}", content=bodies[wrong])).raise_for_status()
            for _ in range(4):
                with suppress(IntegrityError):  # a client whose request fills no cache checks the tag itself
                    assert await served(pix, record) == (WireState.INTERNAL_ERROR, b"")
            assert "image_failed" in [getattr(each, "event", "") for each in caplog.records]
            (await http.put(f"{url}/{name}", content=right)).raise_for_status()
        for _ in range(4):
            assert await served(pix, record) == (WireState.SUCCESS, large_png(5000))


async def test_an_object_that_is_gone_is_told(store: SqliteStore) -> None:
    """A body that somebody removed from the bucket is a StoreError that may not be tried again."""
    saved = await save(store, "a")
    await bucket_of(store).remove([saved.meta.version.hex()])
    with pytest.raises(StoreError, match="the object of image a is missing from the bucket") as caught:
        await read(store, "a")
    assert not isinstance(caught.value, StoreBusy)


# Uploads that break off, and sweeps


@pytest.mark.parametrize("size", [CHUNK_BYTES, len(LARGE)], ids=["small", "large"])
async def test_an_upload_given_up_leaves_nothing(store: SqliteStore, s3: S3Server, prefix: str, size: int) -> None:
    """An abandoned, refused or cancelled write leaves no object, and a sweep deletes its row."""
    await save(store, "live")
    refused = await store.begin_write("a", os.urandom(16))
    await refused.write(LARGE[:size])
    with pytest.raises(StoreError):
        await refused.commit(meta_of(size + 1))
    writer = await store.begin_write("a", os.urandom(16))
    await writer.write(LARGE[:size])
    await writer.abort()
    writing = asyncio.ensure_future(save(store, "b", LARGE[:size]))
    await asyncio.sleep(0.002)
    writing.cancel()
    await asyncio.wait([writing])
    await beyond_the_grace_period()
    await store.sweep()
    assert s3.names(prefix) == {image.meta.version.hex() for image in await store.list()}
    assert query(store.path, "SELECT count(*) FROM blob WHERE state <> 1") == [(0,)]


async def _write_on(writer: ImageWriter) -> None:
    while True:
        await writer.write(LARGE)


async def test_a_failing_upload_leaves_nothing(
    store: SqliteStore, network: BadNetwork, s3: S3Server, prefix: str
) -> None:
    """An upload that the bucket refuses in its middle is StoreBusy, and no object."""
    writer = await store.begin_write("a", os.urandom(16))
    await writer.write(LARGE)
    network.is_gone = True
    network.drop()
    with pytest.raises(StoreBusy):
        await asyncio.wait_for(_write_on(writer), 60)
    network.is_gone = False
    await beyond_the_grace_period()
    await store.sweep()
    assert (s3.names(prefix), await store.get("a")) == (set(), None)


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
async def test_uploads_are_counted(store: SqliteStore, s3: S3Server, body: bytes) -> None:
    """Uploads count as begun, then as finished or aborted, of which nothing is left; a conflict comes after the end."""
    bucket, unfinished = bucket_of(store), s3.unfinished()
    assert bucket.uploads == Uploads(begun=0, finished=0, aborted=0, not_aborted=0)
    await save(store, "a", body)
    assert bucket.uploads == Uploads(begun=1, finished=1, aborted=0, not_aborted=0)
    async with await store.begin_write("a", os.urandom(16)) as writer:
        await writer.write(body)
        assert bucket.uploads == Uploads(begun=2, finished=1, aborted=0, not_aborted=0)
    assert bucket.uploads == Uploads(begun=2, finished=1, aborted=1, not_aborted=0)
    with pytest.raises(StoreConflict):
        await save(store, "a", body, expect=Expect.ABSENT)
    assert bucket.uploads == Uploads(begun=3, finished=2, aborted=1, not_aborted=0)
    assert s3.unfinished() == unfinished


async def test_an_upload_that_ends_while_it_is_cancelled_is_finished(
    store: SqliteStore, network: BadNetwork, s3: S3Server, prefix: str
) -> None:
    """An upload that is cancelled while it only waits for the answer counts as finished."""
    network.says_more.clear()
    saving = asyncio.ensure_future(save(store, "a"))
    await asyncio.to_thread(until, lambda: s3.names(prefix), "the body did not arrive")
    saving.cancel()
    network.says_more.set()
    await asyncio.wait([saving])
    assert saving.cancelled()
    assert bucket_of(store).uploads == Uploads(begun=1, finished=1, aborted=0, not_aborted=0)


async def test_an_abort_that_is_cancelled_goes_on(
    store: SqliteStore, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second cancellation, while the bucket drops the parts, leaves none of them."""
    put_parts, drops, goes_on = Objects.put_parts, asyncio.Event(), asyncio.Event()

    async def put_slowly(self: Objects, name: str, parts: AsyncIterator[bytearray]) -> None:
        try:
            await put_parts(self, name, parts)
        finally:
            drops.set()
            await goes_on.wait()

    monkeypatch.setattr(Objects, "put_parts", put_slowly)
    unfinished = s3.unfinished()
    writer = await store.begin_write("a", os.urandom(16))
    await writer.write(LARGE)
    aborting = asyncio.ensure_future(writer.abort())
    await drops.wait()
    aborting.cancel()
    await asyncio.wait([aborting], timeout=0.1)
    goes_on.set()
    await asyncio.wait([aborting])
    assert bucket_of(store).uploads == Uploads(begun=1, finished=0, aborted=1, not_aborted=0)
    assert s3.unfinished() == unfinished


async def test_an_upload_that_may_be_left_is_counted(
    store: SqliteStore, network: BadNetwork, s3: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Parts that the bucket could not be told to drop are not aborted; a short body, which has none, is."""
    bucket, unfinished = bucket_of(store), s3.unfinished()
    writer = await store.begin_write("a", os.urandom(16))
    await writer.write(LARGE)
    await asyncio.to_thread(until, lambda: s3.unfinished() != unfinished, "no upload in parts was begun")
    network.is_gone = True
    network.drop()
    with pytest.raises(StoreBusy):
        await asyncio.wait_for(_write_on(writer), 60)
    assert bucket.uploads == Uploads(begun=1, finished=0, aborted=0, not_aborted=1)
    assert len(s3.unfinished() - unfinished) == 1
    with pytest.raises(StoreBusy):
        await save(store, "a", b"small")
    assert bucket.uploads == Uploads(begun=2, finished=0, aborted=1, not_aborted=1)
    assert caplog.text.count("parts of an upload may be left in the bucket") == 1


async def test_a_sweep_removes_what_was_replaced(store: SqliteStore, s3: S3Server, prefix: str) -> None:
    """Objects of replaced and deleted versions go, those of current ones stay, a limit is kept."""
    for _ in range(3):
        kept = await save(store, "a", LARGE)
    await save(store, "b")
    await store.delete("b")
    await beyond_the_grace_period()
    assert await store.sweep(limit=2) == 2
    assert await store.sweep() == 1
    assert s3.names(prefix) == {kept.meta.version.hex()}


async def test_an_object_deleted_while_the_clock_was_ahead_is_swept(tmp_path: Path, s3: S3Server, prefix: str) -> None:
    """A body marked dead by a clock that was a day ahead goes once its grace period is over, not a day later."""
    clock = FixedClock()
    bucket = S3Bucket(s3.url(prefix))
    store = SqliteStore(tmp_path / "images.db", bodies=bucket, sweep_grace_s=0, clock_ms=clock)
    await store.open()
    await save(store, "a")
    clock.now_ms += 86_400_000
    await store.delete("a")
    clock.now_ms -= 86_400_000
    assert await store.sweep() == 0
    clock.now_ms += 1
    assert await store.sweep() == 1
    assert s3.names(prefix) == set()
    await store.close()


async def test_a_sweep_that_dies_is_done_again(store: SqliteStore, s3: S3Server, prefix: str) -> None:
    """Bodies that a sweep claimed and did not come to remove are claimed again, and not written meanwhile."""
    first = await save(store, "a")
    await store.delete("a")
    await beyond_the_grace_period()
    claimed = await store._engines.opened().write(gc.claim_objects, 0, 10)
    assert list(claimed.values()) == [first.meta.version.hex()]
    with pytest.raises(StoreBusy, match="being removed"):
        await store.begin_write("a", first.meta.version)
    await beyond_the_grace_period()
    assert await store.sweep() == 1
    assert s3.names(prefix) == set()


async def test_a_first_copy_that_was_interrupted_may_begin_again(store: SqliteStore, s3: S3Server, prefix: str) -> None:
    """Gc gives back its claim of a version without an object. So the version may be written again."""
    version = os.urandom(16)
    await store.begin_write("a", version)  # its process dies: it is neither committed nor aborted
    await beyond_the_grace_period()
    assert await store.sweep() == 0
    again = await store.begin_write("a", version)
    await again.write(LARGE)
    await again.commit(meta_of(len(LARGE), version))
    assert await read(store, "a") == LARGE
    assert s3.names(prefix) == {version.hex()}


async def test_a_bucket_that_refuses_to_remove_is_swept_later(
    store: SqliteStore, network: BadNetwork, s3: S3Server, prefix: str
) -> None:
    """An object that could not be removed stays known, and a later sweep removes it."""
    await save(store, "a")
    await store.delete("a")
    await beyond_the_grace_period()
    network.is_gone = True
    network.drop()
    with pytest.raises(StoreBusy):
        await store.sweep()
    network.is_gone = False
    await beyond_the_grace_period()
    assert await store.sweep() == 1
    assert s3.names(prefix) == set()


KILLED = """
    import asyncio, os, sys
    from pixstore_asgi.store.s3 import S3Bucket, Uploads
    from pixstore_asgi.store.sqlite import SqliteStore
    from pixstore_asgi.store.contract_tests.steps import body_of

    async def main(path, url):
        store = SqliteStore(path, bodies=S3Bucket(url))
        await store.open()
        writer = await store.begin_write("a", os.urandom(16))
        for _ in range(40):
            await writer.write(body_of(1 << 20))
        print("written", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_upload_is_swept(tmp_path: Path, s3: S3Server, prefix: str) -> None:
    """A process killed in the middle of an upload leaves no object and a row that a sweep takes."""
    path = tmp_path / "images.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(KILLED), path, s3.url(prefix), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"written\n"
    process.kill()
    await process.wait()
    store = SqliteStore(path, bodies=S3Bucket(s3.url(prefix)), sweep_grace_s=0)
    await store.open()
    assert await store.sweep() == 0  # no live row tells that this is the right bucket
    live = await save(store, "live")
    assert await store.sweep() == 1
    assert (s3.names(prefix), query(path, "SELECT count(*) FROM blob")) == ({live.meta.version.hex()}, [(1,)])
    await store.close()


async def test_memory_is_bounded_both_ways(store: SqliteStore) -> None:
    """Neither an upload nor a download of 64 MiB is held in memory as a whole."""
    size, piece = 64 << 20, body_of(CHUNK_BYTES)
    tracemalloc.start()
    version = os.urandom(16)
    async with await store.begin_write("a", version) as writer:
        for _ in range(size // len(piece)):
            await writer.write(piece)
        await writer.commit(meta_of(size, version))
    stream = await store.open_stream("a")
    assert stream is not None
    assert sum([len(chunk) async for chunk in stream]) == size
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 << 20


async def test_nothing_of_a_bucket_is_in_a_repr(s3: S3Server) -> None:
    """Neither credentials nor endpoint show where an object is printed."""
    bucket = S3Bucket(s3.url("x"))
    await bucket.open()
    assert not any(word in repr((bucket, bucket._opened())) for word in (SECRET_KEY, "127.0.0.1"))
    assert obstore.__version__


FORKS = """
import os, sys, warnings
from pixstore_asgi import Pixstore
from pixstore_asgi.sync import SyncPixstore
from tests.support.samples import SECRET, picture

warnings.simplefilter("ignore")
images = SyncPixstore(Pixstore(sys.argv[1], blobs=sys.argv[2], secret=SECRET))
saved = images.save_image(picture())

def save_and_read(depth):
    images.save_image(picture())
    assert images.export_image(saved.id)
    if depth:
        fork(depth - 1)

def fork(depth):
    if not (child := os.fork()):
        save_and_read(depth)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0

for number in range(12):
    if number == 6:
        images.close()  # the first children are forked from an open store, the others from a closed one
    fork(depth=number % 6 == 0)
images.open()
print(len(images.list_images()))
"""


@pytest.mark.slow
def test_a_bucket_after_forks(s3: S3Server, tmp_path: Path) -> None:
    """Forked children, and their children, save to a bucket that the parent has used, open or closed. So does it."""
    command = [sys.executable, "-c", FORKS, str(tmp_path / "images.db"), s3.url("forks")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=ROOT)
    assert (result.stdout, result.stderr) == ("15\n", ""), result.stderr
