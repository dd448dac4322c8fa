"""The recipient of records: the header Pixstore-Recipient, read by RecordsApp and by applications."""

import io
import json
from collections.abc import Callable
from typing import Any

import flask
import litestar
import pytest
import quart
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from werkzeug.datastructures import Headers
from werkzeug.test import create_environ

from pixstore_asgi import Pixstore, RecordsApp, recipient_of
from pixstore_asgi.core.recipient import Recipient
from pixstore_asgi.errors import RecipientError
from pixstore_asgi.integrations.starlette import add_error_handlers, records_response
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import client
from tests.support.django_setup import configure_django
from tests.support.samples import SECRET, picture
from tests.support.sealed import ReferencePage, SealedToAnother

PAGE = ReferencePage()
# Named, because pytest's processes must collect the same tests, and each has a page of its own.
BAD = {"empty": "", "spelling": PAGE.text + "=", "point": PAGE.text[:2] + "A" * 84 + "A"}


def scope_with(*texts: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"pixstore-recipient", text.encode()) for text in texts],
    }


def django_request(scope: dict[str, Any]) -> Any:
    configure_django()
    return ASGIRequest(scope, io.BytesIO())


def quart_request(scope: Any) -> Any:
    return quart.Request("GET", "http", "/", b"", Headers(), "", "1.1", scope, send_push_promise=no_push)


async def no_push(path: str, headers: Headers) -> None:
    """Quart asks for such a function."""


@pytest.mark.parametrize(
    "made", [dict, Request, litestar.Request, quart_request, django_request], ids=lambda made: f"{made.__module__}"
)
async def test_a_request_names_its_recipient(made: Callable[[Any], Any]) -> None:
    """The header is read from a scope, and from the requests of Starlette, Litestar, Quart and Django."""
    recipient = recipient_of(made(scope_with(PAGE.text)))
    assert recipient is not None
    assert recipient.point == PAGE.point
    assert recipient_of(made(scope_with())) is None


@pytest.mark.parametrize("made", [flask.Request, WSGIRequest], ids=["flask", "django"])
def test_a_request_of_wsgi_names_its_recipient(made: Callable[[Any], Any]) -> None:
    """The header is read from requests without a scope. WSGI joins headers that are sent twice, which is refused."""
    django_request(scope_with())  # configures Django
    recipient = recipient_of(made(create_environ(headers=PAGE.headers)))
    assert recipient is not None
    assert recipient.point == PAGE.point
    assert recipient_of(made(create_environ())) is None
    with pytest.raises(RecipientError):
        recipient_of(made(create_environ(headers={"pixstore-recipient": f"{PAGE.text},{PAGE.text}"})))


COOKIE = f"theme=dark; __Host-pixstore-recipient={PAGE.text}"


@pytest.mark.parametrize(
    "made", [dict, Request, litestar.Request, quart_request, django_request], ids=lambda made: f"{made.__module__}"
)
async def test_the_cookie_names_the_recipient_if_it_is_asked_for(made: Callable[[Any], Any]) -> None:
    """Only cookie=True reads the cookie, and the header has precedence. HTTP/2 may send several Cookie headers."""
    page = {**scope_with(), "headers": [(b"cookie", text.encode()) for text in COOKIE.split("; ")]}
    recipient = recipient_of(made(page), cookie=True)
    assert recipient is not None
    assert recipient.point == PAGE.point
    assert recipient_of(made(page)) is None
    other = ReferencePage()
    both = {**page, "headers": [*page["headers"], (b"pixstore-recipient", other.text.encode())]}
    recipient = recipient_of(made(both), cookie=True)
    assert recipient is not None
    assert recipient.point == other.point


@pytest.mark.parametrize("made", [flask.Request, WSGIRequest], ids=["flask", "django"])
def test_the_cookie_of_wsgi_names_the_recipient(made: Callable[[Any], Any]) -> None:
    """Requests of WSGI have the cookie, too."""
    django_request(scope_with())  # configures Django
    recipient = recipient_of(made(create_environ(headers={"cookie": COOKIE})), cookie=True)
    assert recipient is not None
    assert recipient.point == PAGE.point
    assert recipient_of(made(create_environ()), cookie=True) is None


BAD_COOKIES = BAD | {
    "longer": f"x{PAGE.text}",
    "shorter": PAGE.text[:-1],
    "quoted": f'"{PAGE.text}"',
    "list": f"{PAGE.text},",
}


@pytest.mark.parametrize("text", BAD_COOKIES.values(), ids=BAD_COOKIES)
def test_an_unreadable_cookie_counts_as_none(text: str) -> None:
    """A visitor could not repair a cookie. The only public key of several cookies counts, not one of another name."""
    others = (
        "my-",
        "__Host-pixstore-recipient2",
        "__Secure-pixstore-recipient",
        "\xa0__Host-pixstore-recipient",
        "__host-pixstore-recipient",
    )
    bad = "; ".join([f"__Host-pixstore-recipient={text}", *(f"{name}={PAGE.text}" for name in others)])
    scope = {**scope_with(), "headers": [(b"cookie", bad.encode("latin-1"))]}
    assert recipient_of(scope, cookie=True) is None
    scope["headers"].append((b"cookie", COOKIE.encode()))
    recipient = recipient_of(scope, cookie=True)
    assert recipient is not None
    assert recipient.point == PAGE.point
    with pytest.raises(RecipientError):  # a header is never taken from the cookie's place
        recipient_of({**scope, "headers": [*scope["headers"], (b"pixstore-recipient", text.encode())]}, cookie=True)


def test_public_keys_of_several_cookies_count_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser sends one cookie of this name. Another client can send any number."""
    own = f"__Host-pixstore-recipient={PAGE.text}"

    def read(*cookies: str) -> Recipient | None:
        return recipient_of({**scope_with(), "headers": [(b"cookie", "; ".join(cookies).encode())]}, cookie=True)

    assert read(own, own) is not None
    for foreign in (ReferencePage(), ReferencePage()):
        other = f"__Host-pixstore-recipient={foreign.text}"
        assert read(other, own) is read(own, other) is None
    checked: list[str] = []
    monkeypatch.setattr(Recipient, "parse", checked.append)
    assert read(*(f"__Host-pixstore-recipient={number:087}" for number in range(500))) is None
    assert checked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["app.example", "127.0.0.1:8000"])
def test_a_cookie_that_another_site_of_the_domain_can_set_is_not_read(scheme: str, host: str) -> None:
    """Only the prefix `__Host-` protects a cookie. A proxy may hide the page's scheme and host."""
    planted = f"pixstore-recipient={ReferencePage().text}"
    scope = {**scope_with(), "scheme": scheme, "headers": [(b"host", host.encode()), (b"cookie", planted.encode())]}
    assert recipient_of(scope, cookie=True) is None
    scope["headers"].append((b"cookie", COOKIE.encode()))
    recipient = recipient_of(scope, cookie=True)
    assert recipient is not None
    assert recipient.point == PAGE.point


@pytest.mark.parametrize("records", ["plain", "sealed"])
async def test_records_app_reads_no_cookie(records: Any) -> None:
    """A client without the header gets a plain record, or 400, although its browser sends the cookie of another."""
    async with Pixstore(MemoryStore(), secret=SECRET, records=records) as pix:
        image_id = (await pix.save_image(picture())).id
        async with client(RecordsApp(pix, lambda scope, image_id: True)) as http:
            answer = await http.get("/", params={"id": image_id}, headers={"cookie": COOKIE})
    if records == "plain":
        assert "key" in answer.json()[image_id]["meta"]
    else:
        assert answer.status_code == 400


@pytest.mark.parametrize("texts", [*([text] for text in BAD.values()), [PAGE.text, PAGE.text]])
def test_a_bad_header_is_an_error_for_400(texts: list[str]) -> None:
    """A malformed, foreign or repeated point raises RecipientError, which does not show it."""
    with pytest.raises(RecipientError) as caught:
        recipient_of(scope_with(*texts))
    assert caught.value.http_status == 400
    assert PAGE.text[:20] not in str(caught.value)


@pytest.mark.parametrize("records", ["plain", "sealed"])
async def test_records_are_sealed_to_the_page_that_asks(records: Any) -> None:
    """RecordsApp seals to the header's page. Another page opens nothing, and a plain record comes only without one."""
    async with Pixstore(MemoryStore(), secret=SECRET, records=records) as pix:
        image_id = (await pix.save_image(picture())).id
        plain = await pix.export_image(image_id)
        assert plain is not None
        async with client(RecordsApp(pix, lambda scope, image_id: True)) as http:
            sealed = await http.get("/", params={"id": image_id}, headers=PAGE.headers)
            without = await http.get("/", params={"id": image_id})
        assert PAGE.open(sealed.json()[image_id]) == plain.seal.key
        with pytest.raises(SealedToAnother):
            ReferencePage().open(sealed.json()[image_id])
    assert sealed.headers["cache-control"] == "no-store"
    if records == "plain":
        assert "key" in without.json()[image_id]["meta"]
    else:
        assert without.status_code == 400
        assert "Pixstore-Recipient" in without.json()["detail"]


@pytest.mark.parametrize("records", ["plain", "sealed"])
async def test_another_key_gets_records_that_it_opens(records: Any) -> None:
    """A proxy or script that uses the session of a page, but sends its own key, opens the records: no rule stops it."""
    async with Pixstore(MemoryStore(), secret=SECRET, records=records) as pix:
        saved = await pix.save_image(picture(), recipient=recipient_of(scope_with(PAGE.text)))
        key = PAGE.open(saved)
        app = RecordsApp(pix, lambda scope, image_id: (b"cookie", b"session=ada") in scope["headers"])
        attacker = ReferencePage()
        async with client(app) as http:
            answer = await http.get("/", params={"id": saved.id}, headers={**attacker.headers, "cookie": "session=ada"})
            stranger = await http.get("/", params={"id": saved.id}, headers=attacker.headers)
    assert attacker.open(answer.json()[saved.id]) == key
    assert stranger.json() == {}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_a_bad_recipient_is_refused_before_the_rule(pix: Pixstore, text: str) -> None:
    """A bad header is a 400 with one sentence, also for an image that the rule refuses, and the rule is not asked."""
    asked: list[str] = []

    def refuse(scope: Any, image_id: str) -> bool:
        asked.append(image_id)
        return False

    async with client(RecordsApp(pix, refuse)) as http:
        answer = await http.get("/", params={"id": "a"}, headers={"pixstore-recipient": text})
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
    assert answer.json()["detail"].startswith("the recipient ")
    assert asked == []


@pytest.mark.parametrize("admits", [True, False])
async def test_a_missing_recipient_tells_nothing_of_the_rule(admits: bool) -> None:
    """With records="sealed", a request without the header gets 400, whether or not the rule admits the image."""
    pix = Pixstore(MemoryStore(), secret=SECRET, records="sealed")
    async with pix, client(RecordsApp(pix, lambda scope, image_id: admits)) as http:
        answer = await http.get("/", params={"id": "a"})
    assert answer.status_code == 400


@pytest.mark.parametrize("framework", [Starlette, FastAPI])
async def test_an_application_seals_its_own_answers(framework: type[Starlette]) -> None:
    """records_response and save_image seal to recipient_of(request). The handlers answer 400 to a bad header."""
    pix = Pixstore(MemoryStore(), secret=SECRET, records="sealed")

    async def listed(request: Request) -> Response:
        return await records_response(pix, request.query_params.getlist("id"), recipient=recipient_of(request))

    async def upload(request: Request) -> Response:
        return JSONResponse(await pix.save_image(await request.body(), recipient=recipient_of(request)))

    routes = [Route("/records", listed), Route("/pictures", upload, methods=["POST"])]
    app = framework(routes=routes)
    add_error_handlers(app)
    async with pix, client(app) as http:
        saved = (await http.post("/pictures", content=picture(), headers=PAGE.headers)).json()
        asked = await http.get("/records", params={"id": saved["id"]}, headers=PAGE.headers)
        missing = await http.get("/records", params={"id": saved["id"]})
        bad = await http.post("/pictures", content=picture(), headers={"pixstore-recipient": "x"})
        images = await pix.list_images()
    assert PAGE.open(saved) == PAGE.open(asked.json()[saved["id"]])
    assert '"key"' not in json.dumps(saved) + asked.text
    assert (missing.status_code, bad.status_code) == (400, 400)
    assert len(images) == 1
