"""The batch: many images in one request, each checked and answered as a GET of its own would be."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, WireState
from pixstore_asgi.core.requests import MAX_BODY_BYTES, frame_head, parse_batch
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.asgi import Wire, client, scope_of
from tests.support.batches import body_of, entry_of, frames_of, image_in
from tests.support.clock import FixedClock
from tests.support.requests import headers, save
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import serving
from tests.support.vectors import Vector, vectors


@pytest.fixture
def cache_bytes() -> int:
    return 0


async def post(app: PixstoreApp, content: bytes, **others: str) -> httpx.Response:
    async with client(app) as http:
        return await http.post("/-/batch", content=content, headers={"content-type": "text/plain", **others})


@pytest.mark.parametrize("vector", vectors("batch.json", "requests"))
def test_request_vectors(vector: Vector) -> None:
    """A body asks for its images in their order, or is refused whole."""
    requests = parse_batch(vector["body"].encode())
    ids = None if requests is None else [request.image_id for request in requests]
    assert ids == vector.get("ids")


@pytest.mark.parametrize("vector", vectors("batch.json", "frames"))
def test_frame_vectors(vector: Vector) -> None:
    """A frame is its index, status and length, then its body."""
    body = bytes.fromhex(vector["body"])
    assert (frame_head(vector["index"], vector["status"], len(body)) + body).hex() == vector["frame"]


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_body_is_parsed_or_refused(body: bytes | str) -> None:
    """No body raises, and a parsed batch has 1 to 25 requests."""
    requests = parse_batch(body if isinstance(body, bytes) else body.encode())
    assert requests is None or 1 <= len(requests) <= 25


async def test_each_image_is_answered_as_by_its_own_get(pix: Pixstore) -> None:
    """Success, Updated and every refusal: a frame's status and body are those of a GET, in the order of the request."""
    plain, old, large = [await pix.save_image(large_png(size)) for size in (300, 400, 5 * CHUNK_BYTES)]
    new = await pix.update_image(old.id, picture("webp"))
    gone = await pix.save_image(picture())
    await pix.delete_image(gone.id)
    foreign = ImageRecord(await pix.save_image(picture()), statelessProof=plain.stateless_proof)
    asked = [plain, old, gone, foreign, large]
    app = PixstoreApp(pix)
    response = await post(app, body_of(*map(entry_of, asked), entry_of(new, id="../x"), {"id": ""}, {"id": "missing"}))
    assert response.status_code == 200
    frames = frames_of(response.content)
    assert [frame[0] for frame in frames] == list(range(8))
    async with client(app) as http:
        for record, (_, status, body) in zip(asked, frames, strict=False):
            alone = await http.get(f"/{record.id}", headers=headers(record))
            assert (status, body) == (alone.status_code, alone.content)
    assert [image_in(frames[number][2], asked[number]) for number in (0, 1, 4)] == [
        large_png(300),
        picture("webp"),
        large_png(5 * CHUNK_BYTES),
    ]
    states = [WireState(frame[2][0]).label for frame in frames]
    assert states == [
        *("Success", "Updated", "NotFound", "InvalidProof", "Success"),
        *("InvalidProof", "MissingID", "MissingProof"),
    ]
    assert [frame[1] for frame in frames] == [200, 200, 200, 200, 200, 200, 400, 200]


async def test_headers_of_a_batch(pix: Pixstore) -> None:
    """A batch is never cached, sniffed or compressed, and any page may read it; its length is not told."""
    response = await post(
        PixstoreApp(pix), body_of(entry_of(await pix.save_image(picture()))), origin="https://a.example"
    )
    assert dict(response.headers) == {
        "content-type": "application/octet-stream",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-encoding": "identity",
        "cross-origin-resource-policy": "same-origin",
        "access-control-allow-origin": "*",
    }


@pytest.mark.parametrize("vector", [v for v in vectors("batch.json", "requests") if "failure" in v.values[0]])
async def test_a_body_that_is_none_is_refused(pix: Pixstore, vector: Vector) -> None:
    """A batch that can't be parsed is 400 with nothing in it."""
    response = await post(PixstoreApp(pix), vector["body"].encode())
    assert (response.status_code, response.content) == (vector["failure"], b"")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_post_is_allowed(pix: Pixstore, method: str) -> None:
    """Another method is 405 and names those allowed; POST to an image is 405 too."""
    async with client(PixstoreApp(pix)) as http:
        response = await http.request(method, "/-/batch")
        assert (response.status_code, response.headers["allow"]) == (405, "POST, OPTIONS")
        assert (await http.post("/some-id")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_foreign_origin_is_refused_unread(pix: Pixstore) -> None:
    """A page that is not listed gets 403 before its body is read; a listed one, one of this host, or none passes."""
    app = PixstoreApp(pix, allow_origins=["https://app.example"])
    body = body_of(entry_of(await pix.save_image(picture())))
    for origin in ("https://evil.example", "null", "http://app.example", "https://app.example:8000", ""):
        assert (await post(app, body, origin=origin)).status_code == 403
    for others in ({"origin": "https://app.example"}, {"origin": "https://testserver"}, {}):
        assert (await post(app, body, **others)).status_code == 200
    raw = [(b"origin", b"https://evil.example"), (b"host", b"testserver")]
    wire = Wire()
    scope = {"type": "http", "method": "POST", "path": "/-/batch", "root_path": "", "headers": raw}

    async def receive() -> Any:
        raise AssertionError

    await app(scope, receive, wire.send)
    assert wire.sent[0]["status"] == 403


async def test_authorize_refuses_single_images(pix: Pixstore) -> None:
    """authorize is asked for every image; one that it refuses is a frame of status 403 without a body."""
    records = [await pix.save_image(picture(), directory=name) for name in ("a", "b", "a")]
    app = PixstoreApp(pix, authorize=lambda scope, image_id: image_id.startswith("a:"))
    frames = frames_of((await post(app, body_of(*map(entry_of, records)))).content)
    assert [(status, bool(body)) for _, status, body in frames] == [(200, True), (403, False), (200, True)]


@pytest.mark.parametrize("root", ["", "/images"])
async def test_authorize_sees_the_scope_of_a_get(pix: Pixstore, root: str) -> None:
    """A rule that looks at method and path decides on an image of a batch as it does on the same image alone."""
    record, seen = await pix.save_image(picture(), directory="a"), list[tuple[str, str, bytes]]()

    def authorize(scope: Any, image_id: str) -> bool:
        seen.append((scope["method"], scope["path"], scope["raw_path"]))
        return True

    app = PixstoreApp(pix, authorize=authorize)
    scope = {**SCOPE, "path": f"{root}/-/batch/", "root_path": root}
    await app(scope, await received(body_of(entry_of(record))), Wire().send)
    name = record.id.partition(":")[2]
    assert seen == [("GET", f"{root}/a:{name}", f"{root}/a:{name}".encode())]


async def test_authorize_is_asked_once_and_just_before_its_image(pix: Pixstore) -> None:
    """No image waits for the rule of a later one; an Updated image asks no second time."""
    records = [await pix.save_image(picture()) for _ in range(3)]
    await pix.update_image(records[0].id, picture("jpeg"))
    wire = Wire()
    sent_before = list[int]()

    async def authorize(scope: Any, image_id: str) -> bool:
        sent_before.append(len(wire.sent))
        return True

    app = PixstoreApp(pix, authorize=authorize)
    await app(SCOPE, await received(body_of(*map(entry_of, records))), wire.send)
    assert sent_before == [1, 2, 3]  # the start, and a frame each


async def test_a_client_that_leaves_breaks_off_no_authorize(pix: Pixstore, store: SqliteStore) -> None:
    """A rule that is under way when the client leaves ends as it would in a GET; no other image's rule is asked."""
    records = [await pix.save_image(picture()) for _ in range(2)]
    body = body_of(*map(entry_of, records))
    messages = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]
    ended = list[str]()

    async def receive() -> Any:
        return messages.pop(0)

    async def authorize(scope: Any, image_id: str) -> bool:
        try:
            await asyncio.sleep(0.05)
        finally:
            await asyncio.sleep(0)  # a connection that goes back to its pool
            ended.append(image_id)
        return True

    await PixstoreApp(pix, authorize=authorize)(SCOPE, receive, Wire().send)
    assert ended == [records[0].id]
    assert store.in_use == 0


async def test_a_client_that_leaves_ends_a_batch_that_never_waits(pix: Pixstore) -> None:
    """Where every image is at hand and no send pauses, the end of the client is noticed between pieces all the same."""
    records = [await pix.save_image(large_png(150_000)) for _ in range(10)]
    wire = Wire()

    async def leave_after_two(message: Any) -> None:
        wire.sent.append(message)
        if len(wire.sent) == 3:  # the start and two pieces
            wire.gone.set()

    messages = [{"type": "http.request", "body": body_of(*map(entry_of, records))}]

    async def receive() -> Any:
        return messages.pop() if messages else await wire.receive()

    await PixstoreApp(pix)(SCOPE, receive, leave_after_two)
    assert 3 <= len(wire.sent) <= 5


async def test_an_image_too_long_for_a_frame_is_refused_alone(pix: Pixstore, store: SqliteStore) -> None:
    """An image of 4 GiB is a frame of status 413 without a body, frees its stream, and the next one comes."""
    long, small = await pix.save_image(large_png(2 * CHUNK_BYTES)), await pix.save_image(picture())
    engine = store._engine
    assert engine is not None
    await engine.on_writer(lambda db: db.execute("UPDATE image SET size = ? WHERE id = ?", (2**32, long.id)).close())
    frames = frames_of((await post(PixstoreApp(pix), body_of(entry_of(long), entry_of(small)))).content)
    assert [(status, bool(body)) for _, status, body in frames] == [(413, False), (200, True)]
    assert store.in_use == 0


async def received(*pieces: bytes) -> Any:
    """Return a receive() that brings a body in pieces, then waits for ever."""
    left = [*pieces]

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


SCOPE: dict[str, Any] = {"type": "http", "method": "POST", "path": "/-/batch", "root_path": "", "headers": []}


async def test_a_batch_holds_one_chunk_and_stops_with_its_client(pix: Pixstore, store: SqliteStore) -> None:
    """While a client takes nothing no further image is opened; when it is cut off nothing is in use."""
    body = body_of(*[entry_of(await pix.save_image(large_png(5 * CHUNK_BYTES + n))) for n in range(4)])
    wire = Wire(stall_after=3)
    await asyncio.wait_for(PixstoreApp(pix, send_timeout_s=0.1)(SCOPE, await received(body), wire.send), 10)
    assert len(wire.sent) == 4
    assert store.in_use == 0
    assert not wire.is_complete


async def test_a_lost_chunk_cuts_the_batch_short(pix: Pixstore) -> None:
    """Where an image breaks off its frame stays short and the response has no end, so that the client knows."""
    good, bad, after = [await pix.save_image(large_png(5 * CHUNK_BYTES + n)) for n in range(3)]
    engine = parts_of(pix).store._engine  # type: ignore[attr-defined]
    await engine.on_writer(lambda db: db.execute("DELETE FROM chunk WHERE id = (2 << 16) + 1").close())
    wire = Wire()
    await PixstoreApp(pix)(SCOPE, await received(body_of(*map(entry_of, (good, bad, after)))), wire.send)
    assert not wire.is_complete
    first = 7 + 2 + 5 * CHUNK_BYTES
    assert frames_of(wire.body[:first])[0][1] == 200
    assert len(wire.body) == first + 7 + 1 + CHUNK_BYTES


async def test_a_small_image_that_lost_a_chunk_fails_alone(pix: Pixstore) -> None:
    """An image of up to 1 MiB with a missing part is a frame of InternalError, and the next one comes."""
    bad, after = await pix.save_image(large_png(2 * CHUNK_BYTES)), await pix.save_image(picture())
    engine = parts_of(pix).store._engine  # type: ignore[attr-defined]
    await engine.on_writer(lambda db: db.execute("DELETE FROM chunk WHERE id = (1 << 16) + 1").close())
    frames = frames_of((await post(PixstoreApp(pix), body_of(entry_of(bad), entry_of(after)))).content)
    assert [(status, body[0]) for _, status, body in frames] == [(200, WireState.INTERNAL_ERROR), (200, 0)]


@pytest.mark.parametrize("pieces", [[b"{" * 9000, b"{" * 9000, b""], [b""]])
async def test_a_body_without_end_is_not_kept(pix: Pixstore, pieces: list[bytes]) -> None:
    """A body above 16 KiB is given up there, and one that never comes after send_timeout_s: both are 400."""
    wire, receive = Wire(), await received(*pieces)
    app = PixstoreApp(pix, send_timeout_s=0.1)

    async def slow() -> Any:
        message = await receive()
        return {**message, "more_body": True}

    await asyncio.wait_for(app(SCOPE, slow, wire.send), 10)
    assert wire.sent[0]["status"] == 400
    assert MAX_BODY_BYTES == 16 * 1024


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_receive_that_replays_the_body(pix: Pixstore, method: str) -> None:
    """A host that returns the same body from every `receive` blocks neither the response nor the event loop."""
    record = await pix.save_image(large_png(5 * CHUNK_BYTES))
    scope, wire, asked = SCOPE if method == "POST" else scope_of(record), Wire(), 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        assert asked < 10
        return {"type": "http.request", "body": body_of(entry_of(record)), "more_body": False}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        await wire.send(message)

    await PixstoreApp(pix)(scope, receive, send)
    assert wire.is_complete


@pytest.mark.servers
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "granian"])
def test_a_batch_under_real_servers(server: str, tmp_path: Path) -> None:
    """Every server sends the frames of 25 images, small and large, whole and in order."""
    with serving(server, "bare_mount", tmp_path) as running:
        records = [save(running, size=400_000 if number % 8 == 0 else 300 + number) for number in range(25)]
        response = httpx.post(f"{running.url}/pixstore-image/-/batch", content=body_of(*map(entry_of, records)))
        frames = frames_of(response.content)
        assert [frame[0] for frame in frames] == list(range(25))
        for record, (_, status, body) in zip(records, frames, strict=True):
            assert status == 200
            assert image_in(body, record)


@pytest.mark.parametrize("is_updated", [False, True])
async def test_proofs_are_checked_when_the_batch_arrives(pix: Pixstore, clock: FixedClock, is_updated: bool) -> None:
    """A proof that was good on arrival is good for its turn, however late, but not for another version's key."""
    records = [await pix.save_image(large_png(2 * CHUNK_BYTES + n)) for n in range(3)]
    if is_updated:
        await pix.update_image(records[2].id, picture())
    wire = Wire()

    async def slow(message: Any) -> None:
        await wire.send(message)
        clock.now_ms += 60_000

    await PixstoreApp(pix)(SCOPE, await received(body_of(*map(entry_of, records))), slow)
    assert [body[0] for _, _, body in frames_of(wire.body)] == [0, 0, 5 if is_updated else 0]


async def test_a_batch_has_one_time_limit(pix: Pixstore) -> None:
    """max_stream_s is for the whole batch: a client that takes longer is cut off between or within images."""
    body = body_of(*[entry_of(await pix.save_image(large_png(5 * CHUNK_BYTES + n))) for n in range(4)])
    wire = Wire()

    async def slow(message: Any) -> None:
        await asyncio.sleep(0.05)
        await wire.send(message)

    await asyncio.wait_for(PixstoreApp(pix, max_stream_s=0.3)(SCOPE, await received(body), slow), 10)
    assert 1 < len(wire.sent) < 10
    assert not wire.is_complete


# authorize_many


async def test_authorize_many_is_asked_once_for_a_batch(pix: Pixstore) -> None:
    """One call with the batch's scope decides on all proven images, and no others, before the first frame."""
    records = [await pix.save_image(picture(), directory=name) for name in ("a", "b", "a")]
    wire, asked = Wire(), list[tuple[str, list[str], int]]()

    async def authorize_many(scope: Any, image_ids: list[str]) -> set[str]:
        asked.append((scope["path"], image_ids, len(wire.sent)))
        return {image_id for image_id in image_ids if image_id.startswith("a:")}

    app = PixstoreApp(pix, authorize_many=authorize_many)
    unproven = [entry_of(records[0], id="a:other"), {"id": ""}, {"id": "missing"}]
    await app(SCOPE, await received(body_of(*map(entry_of, records), *unproven)), wire.send)
    frames = frames_of(wire.body)
    assert [(status, body[:1]) for _, status, body in frames] == [
        *[(200, b"\x00"), (403, b""), (200, b"\x00")],
        *[(200, b"\x05"), (400, b"\x03"), (200, b"\x04")],
    ]
    assert asked == [("/-/batch", [record.id for record in records], 1)]
    await app(SCOPE, await received(body_of(*unproven)), Wire().send)
    assert len(asked) == 1


async def test_authorize_many_is_asked_for_a_single_image_too(pix: Pixstore) -> None:
    """A GET asks with its own scope and a list of one id; without a proof nothing is asked."""
    mine, foreign = [await pix.save_image(picture(), directory=name) for name in ("a", "b")]
    asked = list[tuple[str, list[str]]]()

    def authorize_many(scope: Any, image_ids: list[str]) -> list[str]:
        asked.append((scope["path"], image_ids))
        return [image_id for image_id in image_ids if image_id.startswith("a:")]

    async with client(PixstoreApp(pix, authorize_many=authorize_many)) as http:
        assert (await http.get(f"/{mine.id}")).content == b"\x04"
        assert (await http.get(f"/{mine.id}", headers=headers(mine))).content[0] == 0
        refused = await http.get(f"/{foreign.id}", headers=headers(foreign))
    assert (refused.status_code, refused.content) == (403, b"")
    assert asked == [(f"/{mine.id}", [mine.id]), (f"/{foreign.id}", [foreign.id])]


@pytest.mark.parametrize(
    "answer",
    [
        lambda ids: None,
        lambda ids: True,
        lambda ids: " ".join(ids),
        lambda ids: ids[0],
        lambda ids: dict.fromkeys(ids, False),
        lambda ids: [True] * len(ids),
        lambda ids: [*ids, None],
        lambda ids: iter(ids),
        lambda ids: [image_id.encode() for image_id in ids],
        lambda ids: [],
        lambda ids: {"another"},
        lambda ids: ids.clear() or ids,
    ],
)
async def test_only_ids_of_a_collection_pass_authorize_many(pix: Pixstore, answer: Any) -> None:
    """If the rule returns no collection of ids, or leaves an id out, the images are refused, in a batch and alone."""
    record = await pix.save_image(picture())
    app = PixstoreApp(pix, authorize_many=lambda scope, image_ids: answer(image_ids))
    assert frames_of((await post(app, body_of(entry_of(record)))).content) == [(0, 403, b"")]
    async with client(app) as http:
        assert (await http.get(f"/{record.id}", headers=headers(record))).status_code == 403


async def test_ids_that_were_not_asked_for_change_nothing(pix: Pixstore) -> None:
    """An id that authorize_many returns beyond those it was asked for lets no unproven image of the batch pass."""
    asked, other = [await pix.save_image(picture()) for _ in range(2)]
    app = PixstoreApp(pix, authorize_many=lambda scope, image_ids: image_ids.append(other.id) or image_ids)  # type: ignore
    frames = frames_of((await post(app, body_of(entry_of(asked), {"id": other.id}))).content)
    assert [(status, body[:1]) for _, status, body in frames] == [(200, b"\x00"), (200, b"\x04")]


async def test_an_error_in_authorize_many_is_one_of_every_image(
    pix: Pixstore, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception in the rule is logged once and is InternalError for each image that was asked for."""
    records = [await pix.save_image(picture()) for _ in range(2)]

    async def authorize_many(scope: Any, image_ids: list[str]) -> list[str]:
        raise ZeroDivisionError

    app = PixstoreApp(pix, authorize_many=authorize_many)
    frames = frames_of((await post(app, body_of(*map(entry_of, records)))).content)
    assert [(status, body) for _, status, body in frames] == [(200, b"\x06")] * 2
    (failed,) = caplog.records
    assert all(record.id in failed.getMessage() for record in records)


@pytest.mark.parametrize("token", [0, -1, 2**53, 2**64, 2**80])
@pytest.mark.parametrize("is_forged", [False, True])
async def test_a_token_that_is_none_opens_nothing(pix: Pixstore, token: int, is_forged: bool) -> None:
    """A token out of range counts as none: no proof is good for it, and the other images of the batch come."""
    record, good = await pix.save_image(picture()), await pix.save_image(picture())
    async with Pixstore(parts_of(pix).store, secret=SECRET, bind_token=False) as unbound:
        lent = await unbound.get_image_record(record.id)
        assert lent is not None
        proof = lent.stateless_proof[:20] + "A" * 28 if is_forged else lent.stateless_proof
        body = body_of(entry_of(record, token=token, proof=proof), entry_of(good))
        frames = frames_of((await post(PixstoreApp(pix), body)).content)
    assert [(status, content[0]) for _, status, content in frames] == [(200, 5), (200, 0)]


async def test_authorize_many_passes_no_key_behind_a_proof_that_ended(pix: Pixstore, clock: FixedClock) -> None:
    """If a proof expires while the rule runs, a newer version is not sent, although the rule admits the image."""
    record = await pix.save_image(picture())
    await pix.update_image(record.id, picture("webp"))

    def authorize_many(scope: Any, image_ids: list[str]) -> list[str]:
        clock.now_ms += 60_000
        return image_ids

    app = PixstoreApp(pix, authorize_many=authorize_many)
    frames = frames_of((await post(app, body_of(entry_of(record)))).content)
    assert frames == [(0, 200, b"\x05")]


async def test_a_client_that_leaves_breaks_off_no_authorize_many(pix: Pixstore, store: SqliteStore) -> None:
    """A rule that is under way when the client leaves ends, and nothing is read for it."""
    record, ended = await pix.save_image(picture()), list[list[str]]()
    messages = [{"type": "http.request", "body": body_of(entry_of(record))}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def authorize_many(scope: Any, image_ids: list[str]) -> list[str]:
        await asyncio.sleep(0.05)
        ended.append(image_ids)
        return image_ids

    await PixstoreApp(pix, authorize_many=authorize_many)(SCOPE, receive, Wire().send)
    assert ended == [[record.id]]
    assert store.in_use == 0
