"""Every recipe answers each error that a request can cause with its status."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.http import HttpRequest
from litestar import Litestar
from litestar.exceptions import NotAuthorizedException
from litestar.middleware.authentication import AbstractAuthenticationMiddleware
from litestar.types import Scope

from pixstore_asgi import Pixstore, PixstoreApp, PixstoreError, RecordsApp, errors
from pixstore_asgi.errors import StoreError
from pixstore_asgi.integrations.answers import STATUS
from pixstore_asgi.integrations.django import PixstoreErrors
from pixstore_asgi.integrations.litestar import PixstorePlugin
from pixstore_asgi.store.memory import MemoryStore
from tests.docs.conftest import RunSnippet
from tests.support.asgi import client
from tests.support.django_setup import configure_django
from tests.support.recipes import FILES
from tests.support.samples import SECRET

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PixstoreError)]
CAUSED_BY_REQUESTS = [kind for kind in KINDS if kind.http_status != 500]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch, run_snippet: RunSnippet) -> None:
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    monkeypatch.setenv("SESSION_KEY", "a-key-for-the-tests-of-the-recipes-0123456789")


def raised() -> list[PixstoreError]:
    return [*(kind(f"{kind.__name__} of /srv/secret.db") for kind in CAUSED_BY_REQUESTS), StoreError("damaged")]


def text_of(error: PixstoreError) -> str:
    """Return the text that a client gets."""
    return str(getattr(error, "detail", error))


def failing(error: PixstoreError) -> Callable[..., Any]:
    async def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_starlette_answers_every_error_with_a_status() -> None:
    """The handlers for Starlette have each error with a status other than 500."""
    assert {kind for kind in STATUS if issubclass(kind, PixstoreError)} == set(CAUSED_BY_REQUESTS)
    assert all(STATUS[kind] == kind.http_status for kind in CAUSED_BY_REQUESTS)


@pytest.mark.parametrize(
    "name", ["starlette_app.py", "session_app.py", "vault_app.py", "quart_pictures.py", "litestar_app.py"]
)
@pytest.mark.parametrize("error", raised(), ids=lambda error: type(error).__name__)
async def test_each_status(
    run_snippet: RunSnippet, monkeypatch: pytest.MonkeyPatch, name: str, error: PixstoreError
) -> None:
    """An upload that raises an error gets its status and its text for clients, which may differ from the one for the
    log.
    """
    names, status = run_snippet(FILES[name]), error.http_status
    monkeypatch.setattr(names["pix"], "save_image", failing(error))
    transport = httpx.ASGITransport(names["app"], raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        answer = await http.post("/api/pictures", content=b"image")
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    assert (text_of(error) in answer.text, "/srv" in answer.text) == (status != 500, "/srv" in text_of(error))


def test_django() -> None:
    """Django's middleware answers each error, and leaves those of the server to Django."""
    configure_django()
    middleware, request = PixstoreErrors(failing(StoreError("damaged"))), HttpRequest()
    for error in raised():
        status, answer = error.http_status, middleware.process_exception(request, error)
        assert (answer is None) is (status == 500)
        if answer:
            assert answer.status_code == status
            assert json.loads(answer.content)["detail"] == text_of(error)
    assert middleware.process_exception(request, ValueError()) is None


async def test_litestar_describes_records_and_uploads(run_snippet: RunSnippet) -> None:
    """Litestar's OpenAPI has a record's fields, and the image as the body of an upload."""
    schema = run_snippet(FILES["litestar_app.py"])["app"].openapi_schema.to_schema()
    upload = schema["paths"]["/api/pictures"]["post"]
    assert upload["requestBody"]["content"]["image/png"]["schema"] == {"type": "string", "format": "binary"}
    assert upload["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/ImageRecord")
    image = schema["paths"]["/my-images/{image_id}"]["get"]
    assert image["responses"]["200"]["content"] == {"application/octet-stream": {"schema": {"type": "string"}}}


class LoginCheck(AbstractAuthenticationMiddleware):
    async def authenticate_request(self, connection: Any) -> Any:
        raise NotAuthorizedException


async def test_load_balancers_pass_a_login_check_of_litestar() -> None:
    """An authentication middleware lets load balancers' questions pass, and nothing else."""
    plugin = PixstorePlugin(Pixstore(MemoryStore(), secret=SECRET))
    app: Any = Litestar(plugins=[plugin], middleware=[LoginCheck])
    async with client(app) as http:
        paths = ("/-/live", "/-/ready", "/an-id", "/an-id/-/live", "/-/live/")
        answers = [await http.get(f"/pixstore-image{path}") for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 401, 404]


async def test_a_rule_may_name_the_scope_of_litestar(run_snippet: RunSnippet) -> None:
    """A rule and an audience with a scope of Litestar's type pass mypy, which checks this file too."""

    def may_see(scope: Scope, image_id: str) -> bool:
        return scope["path"] == "/" and bool(image_id)

    def tenant(scope: Scope) -> str | None:
        return scope["path"]

    pix = Pixstore(MemoryStore())
    assert PixstoreApp(pix, authorize=may_see, audience=tenant)
    assert RecordsApp(pix, may_see, audience=tenant)
