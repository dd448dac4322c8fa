"""The demo application through ASGI: its JSON API, and access to it."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message, Receive

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.core.sizes import size_text
from pixstore_asgi.demo.app import MOST_RECORDS, create_app
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.testing import SealedPage
from tests.demo.asgi import (
    LIMIT,
    ORIGIN,
    PICTURES,
    RECORDS,
    SESSION,
    demo_client,
    entries_of,
    first_id,
    listed_ids,
    painted,
    payload_of,
)
from tests.support.samples import SECRET, large_png, picture

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("painted_once")]


@pytest.mark.slow
async def test_list_names_all_pictures_and_holds_no_record(client: httpx.AsyncClient) -> None:
    """The list has title and size of the first pictures, and nothing that opens one."""
    answer = (await client.get(PICTURES)).json()
    assert answer["toPaint"] == 0
    assert len({picture["title"] for picture in answer["pictures"]}) == 6
    assert all(picture.keys() == {"id", "title", "bytes", "width", "height"} for picture in answer["pictures"])


@pytest.mark.slow
async def test_records_come_together_by_one_query(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Title and well-formed record of every picture that was asked for; ids of no picture are left out."""
    queries: list[list[str]] = []
    original = Pixstore.get_image_records

    async def counted(self: Pixstore, image_ids: Any, **others: Any) -> dict[str, ImageRecord]:
        queries.append(list(image_ids))
        return await original(self, image_ids, **others)

    monkeypatch.setattr(Pixstore, "get_image_records", counted)
    ids = await listed_ids(client)
    entries = await entries_of(client, *ids, ids[0], "demo:nobody", "zoo:x")
    assert queries == [ids]
    assert [ImageRecord.parse(entry["record"]).id for entry in entries] == ids
    assert all(entry["title"] for entry in entries)


async def test_one_answer_has_a_limited_number_of_records(client: httpx.AsyncClient) -> None:
    """A request for more records than a page shows gets none."""
    answer = await client.get(RECORDS, params={"id": ["demo:x"] * (MOST_RECORDS + 1)})
    assert answer.status_code == 400
    assert str(MOST_RECORDS) in answer.json()["detail"]


async def test_every_answer_with_a_record_is_no_store(client: httpx.AsyncClient) -> None:
    """Records, upload and update carry keys, so none of them may be kept by any cache."""
    image_id = await first_id(client)
    answers = [
        await client.get(RECORDS, params={"id": image_id}),
        await client.post(PICTURES, content=picture("png")),
        await client.put(f"{PICTURES}/{image_id}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 201, 200]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


async def test_every_record_is_sealed_to_a_page_with_a_key_pair(client: httpx.AsyncClient) -> None:
    """Records, upload and update contain sealed keys if the request has the page's public key. A wrong one is 400."""
    page, image_id = SealedPage(), await first_id(client)
    answers = [
        await client.get(RECORDS, params={"id": image_id}, headers=page.headers),
        await client.post(PICTURES, content=picture("png"), headers=page.headers),
        await client.put(f"{PICTURES}/{image_id}", headers=page.headers),
    ]
    assert not any('"key"' in answer.text for answer in answers)
    (listed,), *changed = answers[0].json()["pictures"], answers[1].json(), answers[2].json()
    assert all(len(page.open(entry["record"]).key) == 32 for entry in (listed, *changed))
    wrong = await client.get(RECORDS, params={"id": image_id}, headers={"pixstore-recipient": "x"})
    assert wrong.status_code == 400
    assert "P-256" in wrong.json()["detail"]


async def test_a_record_reads_its_picture(client: httpx.AsyncClient) -> None:
    """A record from the API is good for the image request that follows it, under the /images mount."""
    answer = await payload_of(client, await first_id(client))
    assert answer.headers["x-pixstore-state"] == "Success"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.slow
async def test_the_rest_of_the_gallery_is_painted_in_the_background() -> None:
    """The gallery answers with the finished pictures and the number still to come. In the end it has all, last
    first.
    """
    async with demo_client(Pixstore(MemoryStore(), secret=SECRET), pictures=9) as client:
        first = await listed_ids(client)
        assert len(first) >= 6
        between = (await client.get(PICTURES)).json()
        assert len(between["pictures"]) + between["toPaint"] == 9
        assert (await painted(client))[: len(first)] == first
        titles = {picture["title"] for picture in (await client.get(PICTURES)).json()["pictures"]}
        assert len(titles) == 9


async def test_small_gallery_has_no_more_pictures_than_asked_for() -> None:
    """A gallery may start with fewer pictures than there are scenes, or with none."""
    for size in (2, 0):
        async with demo_client(Pixstore(MemoryStore(), secret=SECRET), pictures=size) as client:
            assert len(await listed_ids(client)) == size


async def test_update_replaces_the_picture(client: httpx.AsyncClient) -> None:
    """An update gives the same id a higher token and another title."""
    (before,) = await entries_of(client, await first_id(client))
    after = (await client.put(f"{PICTURES}/{before['record']['id']}")).json()
    assert after["record"]["id"] == before["record"]["id"]
    assert after["record"]["token"] > before["record"]["token"]
    assert after["title"] != before["title"]


async def test_delete_removes_the_picture(client: httpx.AsyncClient) -> None:
    """A deleted picture is gone from list, record and update, and deleting it again says so."""
    image_id = await first_id(client)
    assert (await client.delete(f"{PICTURES}/{image_id}")).status_code == 204
    assert len(await listed_ids(client)) == 5
    assert await entries_of(client, image_id) == []
    for method in ("PUT", "DELETE"):
        answer = await client.request(method, f"{PICTURES}/{image_id}")
        assert answer.status_code == 404
        assert "there is no picture" in answer.json()["detail"]


async def test_upload_comes_first_in_the_list(client: httpx.AsyncClient) -> None:
    """An uploaded picture is shown before those that were there."""
    uploaded = (await client.post(PICTURES, content=picture("webp"))).json()["record"]["id"]
    assert await first_id(client) == uploaded


@pytest.mark.parametrize("body", [b"", b"<html>no picture</html>", picture("png")[:-20]])
async def test_upload_of_something_else_is_400_with_the_reason(client: httpx.AsyncClient, body: bytes) -> None:
    """A file that is not a whole picture is refused, nothing is added, and the page gets the error's own text."""
    answer = await client.post(PICTURES, content=body)
    assert answer.status_code == 400
    assert "image" in answer.json()["detail"]
    assert len(await listed_ids(client)) == 6


async def test_oversized_upload_is_413_with_the_limit(client: httpx.AsyncClient) -> None:
    """A picture above max_image_bytes is refused with a text that names the limit."""
    answer = await client.post(PICTURES, content=large_png(LIMIT + 1))
    assert answer.status_code == 413
    assert size_text(LIMIT) in answer.json()["detail"]


async def raw_upload(app: Starlette, receive: Receive) -> int:
    """POST a body that `receive` makes up, and return the status."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "scheme": "http", "path": PICTURES, "root_path": "", "query_string": b""}
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client,
    ):
        await client.post(SESSION)
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        headers = [(b"host", b"127.0.0.1:8000"), (b"origin", ORIGIN.encode()), (b"cookie", cookies.encode())]
        await app({**scope, "headers": headers}, receive, send)
    return int(sent[0]["status"])


async def test_metadata_is_kept_where_the_guest_says_so(client: httpx.AsyncClient) -> None:
    """An upload loses everything except its picture, unless strip_metadata is false. Any other word is a 400."""
    data = large_png(LIMIT)
    lengths = {}
    for value in ("true", "false"):
        answer = await client.post(PICTURES, params={"strip_metadata": value}, content=data)
        lengths[value] = answer.json()["bytes"]
    assert lengths == {"true": len(picture("png", 1)), "false": LIMIT}
    assert (await client.post(PICTURES, params={"strip_metadata": "perhaps"}, content=data)).status_code == 400
    assert (await client.post(PICTURES, content=data)).json()["bytes"] == lengths["true"]


async def test_upload_is_read_piece_by_piece() -> None:
    """An endless body is refused as soon as it passes the limit: no one gathers an upload before it is checked."""
    pieces = 0

    async def receive() -> Message:
        nonlocal pieces
        pieces += 1
        body = large_png(LIMIT)[: 64 * 1024] if pieces == 1 else bytes(64 * 1024)
        return {"type": "http.request", "body": body, "more_body": True}

    app = create_app(Pixstore(MemoryStore(), secret=SECRET, max_image_bytes=LIMIT), pictures=6)
    assert await raw_upload(app, receive) == 413
    assert pieces == LIMIT // (64 * 1024) + 1


async def test_upload_that_breaks_off_is_no_error_of_the_server() -> None:
    """A page that is closed in the middle of its upload leaves no picture and no exception behind."""
    messages: list[Message] = [
        {"type": "http.request", "body": picture("png")[:40], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    app = create_app(Pixstore(MemoryStore(), secret=SECRET), pictures=6)
    assert await raw_upload(app, receive) == 400


async def test_uploaded_bytes_are_nowhere_on_disk(tmp_path: Path) -> None:
    """No file of the database's folder holds any part of an uploaded picture in clear."""
    data = large_png(200_000)
    async with demo_client(Pixstore(tmp_path / "pixstore.db", secret=SECRET)) as client:
        answer = await client.post(PICTURES, params={"strip_metadata": "false"}, content=data)
        assert answer.status_code == 201
        assert answer.json()["bytes"] == len(data)
        files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert sum(map(len, files)) > len(data)
    assert not any(data[start : start + 32] in content for content in files for start in (0, 1000, 100_000))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1234", "localhost", "localhost:8000"])
async def test_loopback_names_are_answered(client: httpx.AsyncClient, host: str) -> None:
    """The demo answers under the names of this machine, at any port."""
    assert (await client.get("/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", ""])
async def test_foreign_host_is_refused(client: httpx.AsyncClient, host: str) -> None:
    """A page with a name that points at 127.0.0.1 (DNS rebinding) reads neither page, nor records, nor images."""
    for path in ("/", PICTURES, "/images/demo:x", "/images/-/client/index.js"):
        answer = await client.get(path, headers={"host": host})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": "http://localhost:8000"},
        {"origin": "https://127.0.0.1:8000"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
        {},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_foreign_pages_change_nothing(client: httpx.AsyncClient, method: str, headers: dict[str, str]) -> None:
    """A request that changes something is refused unless the browser says that it comes from the demo's own page."""
    image_id = await first_id(client)
    del client.headers["origin"]
    path = PICTURES if method == "POST" else f"{PICTURES}/{image_id}"
    answer = await client.request(method, path, headers=headers, content=picture("png"))
    assert answer.status_code == 403
    assert len(await listed_ids(client)) == 6


async def test_same_origin_without_origin_header_is_accepted(client: httpx.AsyncClient) -> None:
    """Where a browser leaves Origin out, Sec-Fetch-Site vouches for the page."""
    del client.headers["origin"]
    answer = await client.post(PICTURES, content=picture("png"), headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 201


@pytest.mark.parametrize("path", [PICTURES, RECORDS, "/images/demo:x"])
async def test_other_origins_get_no_permission_to_read(client: httpx.AsyncClient, path: str) -> None:
    """Neither records nor payloads carry a CORS header: no other page can read them."""
    answer = await client.get(path, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/demo.js", "/page.css", PICTURES, SESSION, "/nothing-here"])
async def test_every_response_has_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    """Policy and nosniff are on every response, errors included, and the policy allows nothing inline."""
    answer = await client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_page_has_nothing_inline_and_nothing_external(client: httpx.AsyncClient) -> None:
    """The page works under its own policy and requests nothing from other hosts."""
    page = (await client.get("/")).text
    assert "<style" not in page
    assert "style=" not in page
    assert "<script>" not in page
    assert "http" not in page
    assert "onclick" not in page


async def test_pictures_of_an_earlier_run_are_shown_again(tmp_path: Path) -> None:
    """With a database that stays, the gallery of the next run has the same pictures, the newest first, and no more."""
    database = tmp_path / "pixstore.db"
    async with demo_client(Pixstore(database, secret=SECRET)) as client:
        uploaded = (await client.post(PICTURES, content=picture("png"))).json()["record"]["id"]
    async with Pixstore(database, secret=SECRET) as pix:
        foreign = [(await pix.save_image(picture("png"), directory=name)).id for name in (None, "zoo", "abc")]
    async with demo_client(Pixstore(database, secret=SECRET)) as client:
        listed = await listed_ids(client)
        assert len(listed) == 7
        assert listed[0] == uploaded
        assert (await payload_of(client, uploaded)).headers["x-pixstore-state"] == "Success"
        for image_id in foreign:
            assert (await client.delete(f"{PICTURES}/{image_id}")).status_code == 404


@pytest.mark.parametrize("path", ["/%00", "/%00.js", "/api/%00", "/" + "a" * 300])
@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "127.0.0.1:99999", "127.0.0.1:port", "localhost:", "[::1", "", "a b"]
)
async def test_odd_paths_and_hosts_are_refused(tmp_path: Path, path: str, host: str) -> None:
    """A path that can be no file and a host that has no port are refused with 400 or 404, and no traceback."""
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as pix, demo_client(pix) as client:
        for target in (path, "/api/pictures", "/api/session"):
            answer = await client.get(target, headers={"host": host})
            assert answer.status_code in {200, 400, 401, 404}
