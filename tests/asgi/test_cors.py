"""Pages of other origins: which responses they may read, and which no cache may keep."""

from typing import Any

import pytest

from pixstore_asgi import ConfigError, Pixstore, PixstoreApp
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import client
from tests.support.requests import headers
from tests.support.samples import SECRET, picture


async def test_preflight_names_what_a_page_may_send(pix: Pixstore) -> None:
    """OPTIONS answers 204 and allows the proof and token headers, and authorization, for single images and batches."""
    for path in ("/x", "/-/batch"):
        async with client(PixstoreApp(pix)) as http:
            response = await http.options(path, headers={"origin": "https://a.example"})
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        for name in ("authorization", "x-pixstore-proof", "x-pixstore-token"):
            assert name in response.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example", True),
        ("https://b.example:8443", True),
        ("https://a.example.evil", False),
        ("http://a.example", False),
        ("null", False),
        (None, False),
    ],
)
async def test_listed_origins_may_read(pix: Pixstore, origin: str | None, allowed: bool) -> None:
    """With a list, exactly its origins may read, with credentials, and every response varies by origin."""
    app = PixstoreApp(pix, allow_origins=["https://a.example", "https://b.example:8443"], authorize=lambda *_: False)
    record = await pix.save_image(picture())
    sent = {"origin": origin} if origin else {}
    async with client(app) as http:
        responses = [
            await http.get("/x", headers=sent),
            await http.get("/", headers=sent),
            await http.get(f"/{record.id}", headers={**headers(record), **sent}),
            await http.post("/x", headers=sent),
            await http.get("/-/x", headers=sent),
            await http.options("/x", headers=sent),
        ]
    assert [response.status_code for response in responses] == [200, 400, 403, 405, 404, 204]
    for response in responses:
        assert response.headers["vary"] == "Origin"
        assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
        assert response.headers.get("access-control-allow-credentials") == ("true" if allowed else None)


async def test_none_leaves_cors_to_the_host(pix: Pixstore) -> None:
    """With allow_origins=None there is no CORS header at all."""
    async with client(PixstoreApp(pix, allow_origins=None)) as http:
        for response in (await http.get("/x"), await http.options("/x"), await http.post("/x")):
            assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://a.example",
        ["null"],
        ["a.example"],
        ["https://"],
        ["https://a.example/"],
        ["https://A.example"],
        ["*", "https://a.example"],
    ],
)
def test_origins_that_are_none_are_refused(origins: Any) -> None:
    """A string in the list's place, null, a host, a path, or a star among others: a ConfigError."""
    with pytest.raises(ConfigError, match="allow_origins"):
        PixstoreApp(Pixstore(MemoryStore(), secret=SECRET), allow_origins=origins)


@pytest.mark.parametrize("origins", [("*",), ("https://app.example",), None])
@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/ID", b"", 200),
        ("HEAD", "/ID", b"", 200),
        ("GET", "/missing", b"", 200),
        ("GET", "/", b"", 400),
        ("GET", "/REFUSED", b"", 403),
        ("POST", "/ID", b"", 405),
        ("DELETE", "/ID", b"", 405),
        ("GET", "/-/batch", b"", 405),
        ("GET", "/-/nothing", b"", 404),
        ("GET", "/-/client/nothing.js", b"", 404),
        ("POST", "/-/client/index.js", b"", 405),
        ("POST", "/-/batch", b"", 400),
        ("POST", "/-/batch", b'{"images": [{"id": "missing"}]}', 200),
    ],
)
async def test_no_answer_may_be_stored(
    pix: Pixstore, origins: Any, method: str, path: str, content: bytes, status: int
) -> None:
    """Every response except the client's files has no-store, also a refusal, because a cache would repeat it
    forever.
    """
    record, refused = await pix.save_image(picture()), await pix.save_image(picture())
    app = PixstoreApp(pix, allow_origins=origins, authorize=lambda scope, image_id: image_id == record.id)
    proof = headers(refused if "REFUSED" in path else record)
    path = path.replace("ID", record.id).replace("REFUSED", refused.id)
    async with client(app) as http:
        response = await http.request(method, path, content=content, headers=proof)
    assert (response.status_code, response.headers["cache-control"]) == (status, "no-store")


async def test_a_batch_from_elsewhere_may_not_be_stored(pix: Pixstore) -> None:
    """The 403 of a batch from a page of another origin has no-store."""
    async with client(PixstoreApp(pix, allow_origins=["https://app.example"])) as http:
        response = await http.post("/-/batch", headers={"origin": "https://evil.example"})
    assert (response.status_code, response.headers["cache-control"]) == (403, "no-store")
