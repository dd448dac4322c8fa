"""Sessions: nothing without one, and nothing with one that has ended."""

import httpx
import pytest

from pixstore_asgi import ImageRecord
from tests.demo.asgi import ORIGIN, PICTURES, RECORDS, SESSION, entries_of, first_id, headers_of
from tests.support.samples import picture

pytestmark = pytest.mark.anyio

GUARDED = [
    ("GET", PICTURES),
    ("POST", PICTURES),
    ("PUT", f"{PICTURES}/demo:x"),
    ("DELETE", f"{PICTURES}/demo:x"),
    ("GET", RECORDS),
    ("POST", "/api/faults/truncation"),
    ("POST", "/api/faults/restart"),
]


async def is_signed_in(client: httpx.AsyncClient) -> bool:
    return bool((await client.get(SESSION)).json()["guest"])


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_nothing_is_answered_without_a_session(client: httpx.AsyncClient, method: str, path: str) -> None:
    """Every call of the API but the one that signs in is 401 without a session's cookie, or with an invented one."""
    for cookies in ({}, {"pixstore-demo-8000": ""}, {"pixstore-demo-8000": "invented"}):
        client.cookies = httpx.Cookies(cookies)
        answer = await client.request(method, path, content=picture())
        assert answer.status_code == 401
        assert answer.headers["cache-control"] == "no-store"
        assert "sign in" in answer.json()["detail"]


async def test_a_record_is_worth_nothing_without_a_session(client: httpx.AsyncClient) -> None:
    """The images' route refuses a valid proof once its session has ended."""
    (entry,) = await entries_of(client, await first_id(client))
    record = ImageRecord.parse(entry["record"])
    url = f"/images/{record.id}"
    assert (await client.get(url, headers=headers_of(record))).status_code == 200
    await client.delete(SESSION)
    answer = await client.get(url, headers=headers_of(record))
    assert answer.status_code == 403
    assert record.token.to_bytes(8, "little") not in answer.content


async def test_sign_out_ends_the_session_at_the_server(client: httpx.AsyncClient) -> None:
    """The cookie is taken from the browser, and a copy of it is worth nothing."""
    copy = httpx.Cookies(client.cookies)
    assert await is_signed_in(client)
    assert (await client.delete(SESSION)).status_code == 204
    assert dict(client.cookies) == {}
    client.cookies = copy
    assert not await is_signed_in(client)
    assert (await client.get(PICTURES)).status_code == 401


async def test_every_session_has_a_guest_of_its_own(client: httpx.AsyncClient) -> None:
    """The page is told a public id, the same for all tabs of a session, that is no part of the cookie."""
    guests = []
    for _ in range(2):
        guest = (await client.post(SESSION)).json()["guest"]
        answer = await client.get(SESSION)
        assert answer.json() == {"guest": guest}
        assert answer.headers["cache-control"] == "no-store"
        assert guest not in client.cookies["pixstore-demo-8000"]
        guests.append(guest)
    assert guests[0] != guests[1]
    assert all(len(guest) >= 16 for guest in guests)
    await client.delete(SESSION)
    assert (await client.get(SESSION)).json() == {"guest": None}


async def test_signing_in_again_ends_the_session_before(client: httpx.AsyncClient) -> None:
    """A browser has one session; signing out twice is no error."""
    before = httpx.Cookies(client.cookies)
    await client.post(SESSION)
    assert await is_signed_in(client)
    client.cookies = before
    assert not await is_signed_in(client)
    for _ in range(2):
        assert (await client.delete(SESSION)).status_code == 204


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: httpx.AsyncClient) -> None:
    """HttpOnly and SameSite=Strict, a name of its own for every port, and no expiry: it ends with the browser."""
    cookie = (await client.post(SESSION)).headers["set-cookie"].lower()
    assert cookie.startswith("pixstore-demo-8000=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "expires" not in cookie
    assert "max-age" not in cookie
    other = await client.post(SESSION, headers={"host": "127.0.0.1:8001", "origin": ORIGIN.replace("8000", "8001")})
    assert other.headers["set-cookie"].startswith("pixstore-demo-8001=")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_foreign_pages_sign_no_one_in_or_out(client: httpx.AsyncClient, method: str) -> None:
    """Another origin's page can't change the session."""
    answer = await client.request(method, SESSION, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert await is_signed_in(client)
