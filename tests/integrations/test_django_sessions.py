"""Django: `pixstore_application` gives the rule the user of the session, and binds proofs to the session."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any
from unittest.mock import patch

import anyio
import httpx
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user, get_user_model, login, logout
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db import connection, transaction
from django.http import HttpRequest
from django.test.utils import override_script_prefix, override_settings

from pixstore_asgi import ConfigError, ImageRecord, decode_payload
from pixstore_asgi.testing import MemoryPixstore
from tests.support.asgi import client
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.django_setup import configure_django
from tests.support.requests import headers
from tests.support.samples import picture

configure_django()

from django.contrib.auth.backends import ModelBackend  # noqa: E402  after Django is set up

from pixstore_asgi.integrations.django import audience_of, pixstore_application  # noqa: E402
from pixstore_asgi.integrations.django.page import script_urls  # noqa: E402

ENGINES = ["db", "cached_db", "cache", "file", "signed_cookies"]
ROUTE = "/pixstore-image"
LOADED: Counter[str] = Counter()


class CountingBackend(ModelBackend):
    def get_user(self, user_id: int) -> Any:
        LOADED["user"] += 1
        return super().get_user(user_id)


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    models = [model for model in apps.get_models() if not model._meta.proxy]
    with connection.schema_editor() as editor:
        for model in models:
            editor.create_model(model)
    yield
    with connection.schema_editor() as editor:
        for model in reversed(models):
            editor.delete_model(model)
    connection.close()


@pytest.fixture(autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryPixstore]:
    LOADED.clear()
    pixstore = MemoryPixstore()
    backend = f"{__name__}.CountingBackend"
    # The session engine for files keeps its first folder for the whole process.
    with override_settings(
        PIXSTORE=pixstore, AUTHENTICATION_BACKENDS=[backend], SESSION_FILE_PATH=tmp_path_factory.getbasetemp()
    ):
        yield pixstore


class Visitor:
    """A browser with its session's cookie. `record` returns a record that a view of this visitor would give."""

    def __init__(self, name: str | None = None) -> None:
        self.key = ""
        if name:
            self.change(lambda request: login(request, get_user_model().objects.get_or_create(username=name)[0]))

    @property
    def cookie(self) -> dict[str, str]:
        return {"cookie": f"other=1; {settings.SESSION_COOKIE_NAME}={self.key}"} if self.key else {}

    @property
    def request(self) -> HttpRequest:
        request = ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []}, io.BytesIO())
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(self.key or None)
        return request

    def change(self, change: Callable[[HttpRequest], object]) -> None:
        request = self.request
        change(request)
        if request.session.is_empty():
            self.key = ""
        else:
            request.session.save()
            self.key = request.session.session_key or ""

    def record(self, pixstore: MemoryPixstore, image_id: str) -> ImageRecord:
        found = pixstore.run(pixstore.get_image_record(image_id, audience=audience_of(self.request)))
        assert found is not None
        return found


async def no_django(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("Django got the request")


def is_ada(user: Any, image_id: str) -> bool:
    return bool(user.is_authenticated and user.username == "ada")


async def is_ada_later(user: Any, image_id: str) -> bool:
    return await sync_to_async(is_ada)(user, image_id)


def of_ada(user: Any, image_ids: list[str]) -> list[str]:
    LOADED["rule"] += 1
    return [image_id for image_id in image_ids if is_ada(user, image_id)]


def answers(app: Any, record: ImageRecord, visitor: Visitor) -> list[int]:
    """Return status and state of a GET, of a batch, and the status and number of records of a request for records."""

    async def ask() -> list[int]:
        sent = headers(record) | visitor.cookie
        async with client(app) as http:
            alone = await http.get(f"{ROUTE}/{record.id}", headers=sent)
            batch = await http.post(f"{ROUTE}/-/batch", content=body_of(entry_of(record)), headers=sent)
            records = await http.get(f"{ROUTE}/-/records", params={"id": record.id}, headers=visitor.cookie)
        ((_, status, body),) = frames_of(batch.content)
        found = len(records.json()) if records.status_code == 200 else 0
        return [_state(alone.status_code, alone.content), _state(status, body), records.status_code, found]

    return anyio.run(ask)


def _state(status: int, body: bytes) -> int:
    return decode_payload(body).state if status == 200 else status


SUCCESS, INVALID_PROOF = 0, 5


@pytest.mark.parametrize("engine", ENGINES)
def test_the_rule_gets_the_user_of_the_session(project: MemoryPixstore, engine: str) -> None:
    """With each engine the signed-in user gets the image and its record; another user, and no user, get neither."""
    with override_settings(SESSION_ENGINE=f"django.contrib.sessions.backends.{engine}"):
        app = pixstore_application(no_django, authorize=is_ada)
        saved = project.run(project.save_image(picture()))
        ada, bob, guest = Visitor("ada"), Visitor("bob"), Visitor()
        assert answers(app, ada.record(project, saved.id), ada) == [SUCCESS, SUCCESS, 200, 1]
        assert answers(app, bob.record(project, saved.id), bob) == [403, 403, 200, 0]
        assert answers(app, guest.record(project, saved.id), guest) == [403, 403, 403, 0]


@pytest.mark.parametrize("engine", ENGINES[:-1])
def test_after_logout_the_proofs_of_the_session_are_refused(project: MemoryPixstore, engine: str) -> None:
    """A page that stays open after the logout gets no image, with the old cookie and without it."""
    with override_settings(SESSION_ENGINE=f"django.contrib.sessions.backends.{engine}"):
        app = pixstore_application(no_django, authorize=lambda user, image_id: True)
        saved = project.run(project.save_image(picture()))
        ada = Visitor("ada")
        record, thief = ada.record(project, saved.id), Visitor()
        thief.key = ada.key
        ada.change(logout)
        assert ada.key == ""
        for visitor in (ada, thief):
            assert answers(app, record, visitor)[:2] == [INVALID_PROOF, INVALID_PROOF]


def test_without_a_user_the_records_are_403_unless_an_image_is_public(project: MemoryPixstore) -> None:
    """403 keeps the page's offline pictures, which an empty answer would delete. Public images need no session."""
    saved, public = (project.run(project.save_image(picture())) for _ in range(2))
    app = pixstore_application(no_django, authorize=lambda user, image_id: image_id == public.id)
    guest = Visitor()
    assert answers(app, guest.record(project, saved.id), guest) == [403, 403, 403, 0]
    assert answers(app, guest.record(project, public.id), guest) == [SUCCESS, SUCCESS, 200, 1]


def test_a_login_replaces_the_key_of_the_session(project: MemoryPixstore) -> None:
    """`login` rotates the key: the new cookie gets new records, and the records from before are refused."""
    app = pixstore_application(no_django, authorize=lambda user, image_id: True)
    saved = project.run(project.save_image(picture()))
    ada = Visitor()
    ada.change(lambda request: request.session.update({"cart": 1}))
    before, key = ada.record(project, saved.id), ada.key
    assert answers(app, before, ada) == [SUCCESS, SUCCESS, 200, 1]
    ada.change(lambda request: login(request, get_user_model().objects.get_or_create(username="ada")[0]))
    assert ada.key != key
    assert answers(app, before, ada)[:2] == [INVALID_PROOF, INVALID_PROOF]
    assert answers(app, ada.record(project, saved.id), ada) == [SUCCESS, SUCCESS, 200, 1]


def test_a_session_of_an_older_secret_key_stays(project: MemoryPixstore) -> None:
    """Django rotates such a session at the next view and sends a cookie. An image request must not rotate it."""
    app = pixstore_application(no_django, authorize=is_ada)
    saved = project.run(project.save_image(picture()))
    with override_settings(SECRET_KEY="the secret key of last year"):
        ada = Visitor("ada")
    with override_settings(SECRET_KEY_FALLBACKS=["the secret key of last year"]):
        for _ in range(2):
            assert answers(app, ada.record(project, saved.id), ada) == [SUCCESS, SUCCESS, 200, 1]
    assert answers(app, ada.record(project, saved.id), ada)[:2] == [403, 403]
    assert ada.request.session.exists(ada.key)


def test_a_request_loads_session_and_user_once(project: MemoryPixstore) -> None:
    """A batch of 20 images asks the rule once, and loads the user once."""
    app = pixstore_application(no_django, authorize_many=of_ada)
    ada = Visitor("ada")
    records = [ada.record(project, project.run(project.save_image(picture())).id) for _ in range(20)]

    async def batch() -> httpx.Response:
        async with client(app) as http:
            body = body_of(*map(entry_of, records))
            return await http.post(f"{ROUTE}/-/batch", content=body, headers=ada.cookie)

    frames = frames_of(anyio.run(batch).content)
    assert [_state(status, body) for _, status, body in frames] == [SUCCESS] * 20
    assert dict(LOADED) == {"user": 1, "rule": 1}


@pytest.mark.parametrize("name", ["sessionid", "my_session"])
@pytest.mark.parametrize("rule", [is_ada, is_ada_later, lambda user, image_id: is_ada_later(user, image_id)])
def test_plain_and_async_rules(project: MemoryPixstore, rule: Any, name: str) -> None:
    """A rule may be plain or async, and query the database. SESSION_COOKIE_NAME names the cookie."""
    with override_settings(SESSION_COOKIE_NAME=name):
        app = pixstore_application(no_django, authorize=rule)
        saved = project.run(project.save_image(picture()))
        for visitor, status in ((Visitor("ada"), SUCCESS), (Visitor("bob"), 403)):
            assert answers(app, visitor.record(project, saved.id), visitor)[0] == status


@pytest.mark.parametrize(
    "cookie", [b"sessionid=", b"sessionid=\xff\xfe", b"sessionid=" + b"a" * 5000, b"=;=;sessionid"]
)
def test_a_damaged_cookie_is_no_session(project: MemoryPixstore, cookie: bytes) -> None:
    """It counts as no session, also beside a query that Django can't decode."""
    app = pixstore_application(no_django, authorize=is_ada)
    saved = project.run(project.save_image(picture()))
    record = Visitor().record(project, saved.id)

    async def ask() -> int:
        async with client(app) as http:
            sent = [*((name.encode(), value.encode()) for name, value in headers(record).items()), (b"cookie", cookie)]
            return (await http.get(f"{ROUTE}/{record.id}?%ff=\xff", headers=sent)).status_code

    assert anyio.run(ask) == 403


def names_of_ada(user: Any, image_ids: list[str]) -> Any:
    """Return a query, which is not run yet. Usernames stand for the ids of pictures."""
    return get_user_model().objects.filter(username__in=image_ids, pk=user.pk).values_list("username", flat=True)


async def names_of_ada_later(user: Any, image_ids: list[str]) -> Any:
    return names_of_ada(user, image_ids)


def names_of_ada_one_by_one(user: Any, image_ids: list[str]) -> Iterator[str]:
    yield from names_of_ada(user, image_ids)


@pytest.mark.parametrize("rule", [names_of_ada, names_of_ada_later, names_of_ada_one_by_one])
def test_a_rule_may_return_a_query(project: MemoryPixstore, rule: Any) -> None:
    """The query of a plain rule, that of an async one and that of a generator are run where Django allows it."""
    app = pixstore_application(no_django, authorize_many=rule)
    saved = project.run(project.save_image(picture()))
    ada, bob = Visitor(saved.id), Visitor("bob")
    assert answers(app, ada.record(project, saved.id), ada) == [SUCCESS, SUCCESS, 200, 1]
    assert answers(app, bob.record(project, saved.id), bob) == [403, 403, 200, 0]


def test_an_async_rule_keeps_the_transaction_of_a_test(project: MemoryPixstore) -> None:
    """Under `async_to_sync`, as in a TestCase, the rule's queries run in the thread of the test."""
    app = pixstore_application(no_django, authorize_many=names_of_ada_later)
    saved = project.run(project.save_image(picture()))
    ada = Visitor(saved.id)
    record = ada.record(project, saved.id)

    async def ask() -> int:
        async with client(app) as http:
            return (await http.get(f"{ROUTE}/{saved.id}", headers=headers(record) | ada.cookie)).status_code

    with transaction.atomic():
        assert async_to_sync(ask)() == 200
        assert get_user_model().objects.filter(username=saved.id).exists()


def rule_of_ada(user: Any, image_id: str) -> bool:
    return bool(get_user_model().objects.get(username="ada", pk=user.pk))


def strict_rule_of_ada(user: Any, image_id: str) -> bool:
    if not is_ada(user, image_id):
        raise PermissionDenied
    return True


async def later_rule_of_ada(user: Any, image_id: str) -> bool:
    return bool(await get_user_model().objects.aget(username="ada", pk=user.pk))


@pytest.mark.parametrize("rule", [rule_of_ada, strict_rule_of_ada, later_rule_of_ada])
def test_errors_that_refuse_in_views_refuse_in_rules(
    project: MemoryPixstore, rule: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing row and PermissionDenied are a refusal, and no error of the server."""
    app = pixstore_application(no_django, authorize=rule)
    saved = project.run(project.save_image(picture()))
    ada, bob = Visitor("ada"), Visitor("bob")
    assert answers(app, ada.record(project, saved.id), ada) == [SUCCESS, SUCCESS, 200, 1]
    assert answers(app, bob.record(project, saved.id), bob) == [403, 403, 200, 0]
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def test_a_login_by_a_header(project: MemoryPixstore) -> None:
    """`user_of` gets the request with its session. Its records are those of requests without a session."""

    def user_of(request: HttpRequest) -> Any:
        name = request.headers.get("authorization", "").removeprefix("Token of ")
        return get_user_model().objects.filter(username=name).first() or get_user(request)

    app = pixstore_application(no_django, authorize=is_ada, user_of=user_of)
    saved = project.run(project.save_image(picture()))
    ada, guest = Visitor("ada"), Visitor()
    assert answers(app, ada.record(project, saved.id), ada) == [SUCCESS, SUCCESS, 200, 1]
    record = guest.record(project, saved.id)
    assert answers(app, record, guest) == [403, 403, 403, 0]
    with patch.object(Visitor, "cookie", {"authorization": "Token of ada"}):
        assert answers(app, record, guest) == [SUCCESS, SUCCESS, 200, 1]


def test_the_application_needs_one_rule(project: MemoryPixstore) -> None:
    """Without a rule, with both, and with one that is no function, nothing is served."""
    for rules in ({}, {"authorize": is_ada, "authorize_many": of_ada}, {"authorize": "is_ada"}):
        with pytest.raises(ConfigError, match="rule of the images"):
            pixstore_application(no_django, **rules)


def test_the_page_script_is_cached_by_its_version(project: MemoryPixstore) -> None:
    """Its URL below the setting's route has the client's version. Another version is asked for again."""

    async def ask(**options: Any) -> list[tuple[int, str]]:
        async with client(app, **options) as http:
            got = [await http.get(url) for url in (settings_url, f"{settings_url}0", element_url)]
            return [(each.status_code, each.headers["cache-control"].split(",")[0]) for each in got]

    with override_settings(PIXSTORE_ROUTE="/pictures"):
        app = pixstore_application(no_django, authorize=is_ada)
        settings_url, element_url = script_urls()
        assert settings_url.startswith("/pictures/-/page.js?")
        assert anyio.run(ask) == [(200, "public"), (200, "no-cache"), (200, "public")]
        with override_script_prefix("/app/"):
            settings_url, element_url = script_urls()
        assert settings_url.startswith("/app/pictures/-/page.js?")
        assert anyio.run(partial(ask, root_path="/app")) == [(200, "public"), (200, "no-cache"), (200, "public")]


def test_the_page_of_an_image_names_no_other_path(project: MemoryPixstore) -> None:
    """It has the id, relative paths and a strict policy, and another text than an id is a 404."""
    app = pixstore_application(no_django, authorize=is_ada)

    async def ask(name: str) -> httpx.Response:
        async with client(app) as http:
            return await http.get(f"{ROUTE}/-/view/{name}")

    page = anyio.run(ask, "photos:abc~thumb")
    assert 'src-id="photos:abc~thumb"' in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy  # other sites cannot show it, as Django's own pages
    assert [anyio.run(ask, name).status_code for name in ("%22%3E", "a/b", "")] == [404, 404, 404]
