"""RecordsApp: records for the ids that the application's rule lets pass, and nothing that tells of the others."""

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from starlette.types import Scope

from pixstore_asgi import ConfigError, ImageRecord, Pixstore, PixstoreApp, RecordsApp, StoreError, Variant
from pixstore_asgi.errors import StoreBusy
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres.errors import ConnectionLost
from pixstore_asgi.store.s3.objects import BucketAway
from tests.support.asgi import client
from tests.support.requests import headers
from tests.support.samples import HOSTILE_IDS, SECRET, picture

Make = Callable[[], RecordsApp]


def everybody(scope: Any, image_id: str) -> bool:
    return True


def query(*image_ids: str) -> httpx.QueryParams:
    return httpx.QueryParams([("id", image_id) for image_id in image_ids])


async def saved(pix: Pixstore, count: int, directory: str | None = None) -> list[str]:
    return [(await pix.save_image(picture(seed=seed), directory=directory)).id for seed in range(count)]


async def test_records_come_by_id_and_open_their_images(pix: Pixstore) -> None:
    """Each existing id has a whole, fresh record, in the requested order, and no cache keeps the answer."""
    ids = await saved(pix, 3, "players")
    async with client(RecordsApp(pix, everybody)) as http, client(PixstoreApp(pix)) as images:
        got = await http.get("/", params=query(*reversed(ids)))
        records = {image_id: ImageRecord.parse(record) for image_id, record in got.json().items()}
        assert list(records) == ids[::-1]
        for image_id, record in records.items():
            assert record.id == image_id
            assert (await images.get(f"/{image_id}", headers=headers(record))).content[0] == 0
    assert got.status_code == 200
    assert got.headers["content-type"] == "application/json"
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cross-origin-resource-policy"] == "same-origin"
    assert not [name for name in got.headers if name.startswith("access-control-")]


async def test_records_carry_their_variants() -> None:
    """A record comes with those of its variants, as get_image_records gives it."""
    async with Pixstore(MemoryStore(), secret=SECRET, variants=(Variant("thumb", width=16),)) as pix:
        (image_id,) = await saved(pix, 1)
        async with client(RecordsApp(pix, everybody)) as http:
            answer = (await http.get("/", params=query(image_id))).json()
            variant = await http.get("/", params=query(f"{image_id}~thumb"))
    assert answer[image_id]["variants"]["thumb"]["id"] == f"{image_id}~thumb"
    assert (variant.status_code, "of its original" in variant.json()["detail"]) == (400, True)


async def test_refused_and_unknown_ids_look_the_same(pix: Pixstore) -> None:
    """An image of somebody else, one that was deleted and one that never was are all absent, in the same bytes."""
    (own,), (foreign,), (deleted,) = [await saved(pix, 1, name) for name in ("ada", "bob", "ada")]
    await pix.delete_image(deleted)
    app = RecordsApp(pix, lambda scope, image_id: image_id.startswith("ada:"))
    async with client(app) as http:
        answers = [await http.get("/", params=query(image_id)) for image_id in (foreign, deleted, "bob:none", "none")]
        assert {(each.status_code, each.content) for each in answers} == {(200, b"{}")}
        assert len({tuple(each.headers.multi_items()) for each in answers}) == 1
        mixed = await http.get("/", params=query(foreign, own, deleted, "none"))
    assert list(mixed.json()) == [own]


@pytest.mark.parametrize("answer", [False, None, 1, "yes", object()])
async def test_only_true_passes(pix: Pixstore, answer: Any) -> None:
    """A rule that returns anything except True, plain or async, gives no record."""
    (image_id,) = await saved(pix, 1)

    async def later(scope: Any, image_id: str) -> Any:
        return answer

    for rule in (lambda scope, image_id: answer, later):
        async with client(RecordsApp(pix, rule)) as http:
            assert (await http.get("/", params=query(image_id))).content == b"{}"


async def test_the_store_is_not_asked_for_refused_images(pix: Pixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule goes before the store, which learns only of ids that passed."""
    ids = await saved(pix, 2)
    asked: list[list[str]] = []
    get_image_records = pix.get_image_records

    async def told(image_ids: Any, **options: Any) -> dict[str, ImageRecord]:
        asked.append(list(image_ids))
        return await get_image_records(image_ids, **options)

    monkeypatch.setattr(pix, "get_image_records", told)
    async with client(RecordsApp(pix, lambda scope, image_id: image_id == ids[1])) as http:
        await http.get("/", params=query(ids[0]))
        await http.get("/", params=query(*ids))
    assert asked == [[ids[1]]]


async def test_one_rule_for_many_is_asked_once(pix: Pixstore) -> None:
    """authorize_many gets the scope of the request and every id once; only ids that it returns have records."""
    ids = await saved(pix, 3)
    asked: list[tuple[str, list[str]]] = []

    async def authorize_many(scope: Any, image_ids: list[str]) -> set[str]:
        asked.append((scope["path"], image_ids))
        return {ids[0], ids[2], "never-asked-for"}

    async with client(RecordsApp(pix, authorize_many=authorize_many)) as http:
        answer = await http.get("/records", params=query(*ids, ids[0]))
    assert list(answer.json()) == [ids[0], ids[2]]
    assert asked == [("/records", ids)]


@pytest.mark.parametrize(
    ("image_ids", "sentence"),
    [
        ([], "the request has no image id: add ?id=…&id=…"),
        (["a"] * 101, "the request has more than 100 image ids"),
        *[([hostile] * 2, "the request has no valid image id") for hostile in [name[:2000] for name in HOSTILE_IDS]],
    ],
)
async def test_what_cannot_be_asked_is_told(pix: Pixstore, image_ids: list[str], sentence: str) -> None:
    """None, too many or malformed ids are 400 with a sentence, which repeats nothing of them; no rule is asked."""
    async with client(RecordsApp(pix, lambda scope, image_id: pytest.fail("asked"))) as http:
        got = await http.get("/", params=query(*image_ids))
    assert got.status_code == 400
    assert got.json()["detail"].startswith(sentence)
    assert got.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("hostile", [name[:2000] for name in HOSTILE_IDS])
async def test_what_is_no_id_takes_nobody_elses_record(pix: Pixstore, hostile: str) -> None:
    """A malformed id among others is absent from the answer, and neither rule nor store is asked for it."""
    ids = await saved(pix, 2)
    asked = []

    def rule(scope: Scope, image_id: str) -> bool:
        asked.append(image_id)
        return True

    async with client(RecordsApp(pix, rule)) as http:
        got = await http.get("/", params=query(ids[0], hostile, ids[1]))
    assert (got.status_code, list(got.json()), asked) == (200, ids, ids)


async def test_a_hundred_ids_are_answered(pix: Pixstore) -> None:
    """One answer has up to 100 ids; other parameters are ignored."""
    ids = await saved(pix, 2)
    asked = [*ids, *(f"none{number}" for number in range(98))]
    async with client(RecordsApp(pix, everybody)) as http:
        assert list((await http.get("/", params=query(*asked).add("page", "2"))).json()) == ids


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_other_methods_are_refused(pix: Pixstore, method: str) -> None:
    """Records are read by GET alone; a preflight gets no permission."""
    (image_id,) = await saved(pix, 1)
    async with client(RecordsApp(pix, everybody)) as http:
        origin = {"origin": "https://elsewhere.example", "access-control-request-method": "GET"}
        got = await http.request(method, "/", params=query(image_id), headers=origin)
    assert (got.status_code, got.headers["allow"], got.content) == (405, "GET, HEAD", b"")
    assert not [name for name in got.headers if name.startswith("access-control-")]


async def test_head_tells_what_get_does(pix: Pixstore) -> None:
    """HEAD has the headers of GET and no body."""
    (image_id,) = await saved(pix, 1)
    async with client(RecordsApp(pix, everybody)) as http:
        got = await http.get("/", params=query(image_id))
        head = await http.head("/", params=query(image_id))
    assert (head.status_code, head.content, head.headers.items()) == (200, b"", got.headers.items())


async def test_a_rule_that_fails_takes_no_picture_away(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """If a rule raises, the answer is 500, not "there is no such image", and the log names the missing scope key."""
    (image_id,) = await saved(pix, 1)
    async with client(RecordsApp(pix, lambda scope, image_id: scope["session"]["user"])) as http:
        got = await http.get("/", params=query(image_id))
    assert got.status_code == 500
    assert got.json() == {"detail": "the application's rule failed; the server's log has the reason"}
    assert 'no middleware has set scope["session"]' in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (StoreBusy("/var/lib/pixstore.db is busy"), 503, "the store is busy: try again"),
        (BucketAway("the bucket at 10.0.0.7 is away"), 503, "the bucket can't be reached: try again later"),
        (ConnectionLost("PostgreSQL at 10.0.0.8 is away"), 503, "the database can't be reached: try again later"),
        (StoreError("/var/lib/pixstore.db failed"), 500, "the server failed; its log has the reason"),
    ],
)
async def test_a_store_that_fails_is_told_without_its_path(
    pix: Pixstore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: StoreError,
    status: int,
    detail: str,
) -> None:
    """A busy store is 503, one that fails 500; the log has the reason, the visitor a sentence."""

    async def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pix, "get_image_records", fail)
    with caplog.at_level(logging.WARNING):
        async with client(RecordsApp(pix, everybody)) as http:
            got = await http.get("/", params=query("some-id"))
    assert (got.status_code, got.json()) == (status, {"detail": detail})
    assert got.headers.get("retry-after") == ("1" if status == 503 else None)
    assert str(error) in caplog.text


def visitor_of(scope: Any) -> str | None:
    """Return the visitor that a header names; stands for a session."""
    return next((value.decode() for name, value in scope["headers"] if name == b"x-visitor"), None)


async def test_records_are_made_for_the_audience(pix: Pixstore) -> None:
    """A record is valid only for the visitor that requested it; a request without an audience gets none."""
    (image_id,) = await saved(pix, 1)
    app = RecordsApp(pix, everybody, audience=visitor_of)
    async with client(app) as http, client(PixstoreApp(pix, audience=visitor_of)) as images:
        record = (await http.get("/", params=query(image_id), headers={"x-visitor": "ada"})).json()[image_id]
        for visitor, state in (("ada", 0), ("bob", 5)):
            sent = {**headers(ImageRecord.parse(record)), "x-visitor": visitor}
            assert (await images.get(f"/{image_id}", headers=sent)).content[0] == state
        anonymous = await http.get("/", params=query(image_id))
    assert anonymous.status_code == 403
    assert anonymous.json() == {"detail": "the request has no session that records can be made for: sign in first"}


@pytest.mark.parametrize("answer", [None, "", 7, b"ada", "\ud800", "a" * 65_536])
async def test_what_is_no_audience_gets_no_record(pix: Pixstore, answer: Any) -> None:
    """If the function returns anything except a text of 1 to 65535 bytes, the answer reveals no record."""
    (image_id,) = await saved(pix, 1)
    app = RecordsApp(pix, lambda scope, image_id: pytest.fail("asked"), audience=lambda scope: answer)
    async with client(app) as http:
        assert {(await http.get("/", params=query(each))).status_code for each in (image_id, "none")} == {403}


async def test_an_audience_that_fails_gets_no_record(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """If the function raises, the answer has no record, and the log names the missing scope key."""
    async with client(RecordsApp(pix, everybody, audience=lambda scope: scope["user"])) as http:
        assert (await http.get("/", params=query("some-id"))).status_code == 403
    assert 'audience failed: no middleware has set scope["user"]' in caplog.text


def test_options_that_cannot_work_are_refused() -> None:
    """It refuses no rule, two rules, a rule that is no function, another object, and an audience without proofs."""
    pix = Pixstore(MemoryStore(), secret=SECRET)
    unproven = Pixstore(MemoryStore(), secret=SECRET, proof_window_ms=-1)
    wrong: Any = "pixstore.db"
    wanted: list[tuple[str, Make]] = [
        ("pass authorize or authorize_many", lambda: RecordsApp(pix)),
        ("not both", lambda: RecordsApp(pix, everybody, authorize_many=lambda scope, ids: ids)),
        ("must be a function of scope and image id", lambda: RecordsApp(pix, wrong)),
        ("pixstore must be a Pixstore, not str", lambda: RecordsApp(wrong, everybody)),
        ("audience must be a function", lambda: RecordsApp(pix, everybody, audience=wrong)),
        ("audience has no effect", lambda: RecordsApp(unproven, everybody, audience=visitor_of)),
    ]
    for message, make in wanted:
        with pytest.raises(ConfigError, match=message):
            make()


async def test_it_answers_where_it_is_routed_and_mounted(pix: Pixstore) -> None:
    """A route without and a mount with a slash at its end, behind compression too, lead to the same records."""
    ids = await saved(pix, 20)
    records = RecordsApp(pix, everybody)
    routes = [Route("/api/records", records), Mount("/records", records)]
    starlette = Starlette(routes=routes, middleware=[Middleware(GZipMiddleware, minimum_size=1)])
    fastapi = FastAPI(routes=[Route("/api/records", records)])
    for app, paths in ((starlette, ("/api/records", "/records/", "/records/records")), (fastapi, ("/api/records",))):
        async with client(app) as http:
            for path in paths:
                got = await http.get(path, params=query(*ids))
                assert (list(json.loads(got.content)), got.headers["cache-control"]) == (ids, "no-store")


async def test_alone_it_takes_part_in_lifespan_and_closes_sockets() -> None:
    """As an application of its own it opens its store at startup; a WebSocket is closed."""
    pix = Pixstore(MemoryStore(), secret=SECRET)
    app = RecordsApp(pix, everybody)
    sent: list[Any] = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    await app({"type": "websocket"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]
