"""The application's own rule, asked after the proof."""

from typing import Any

import pytest
from starlette.requests import Request

from pixstore_asgi import Pixstore, PixstoreApp, PixstoreMiddleware
from pixstore_asgi.serving.cache import ImageCache
from tests.support.asgi import client
from tests.support.requests import headers
from tests.support.samples import picture


async def never(scope: Any, image_id: str) -> bool:
    return False


@pytest.mark.parametrize("answer", [False, None, 1, "yes", object()])
async def test_only_true_passes_authorize(pix: Pixstore, answer: Any) -> None:
    """Any result except True itself is 403 without a body, from a plain or an async rule."""
    record = await pix.save_image(picture())

    async def later(scope: Any, image_id: str) -> Any:
        return answer

    for authorize in (lambda scope, image_id: answer, later):
        async with client(PixstoreApp(pix, authorize=authorize)) as http:
            response = await http.get(f"/{record.id}", headers=headers(record))
        assert (response.status_code, response.content) == (403, b"")
        assert "x-pixstore-state" not in response.headers


async def test_authorize_sees_scope_and_id_of_proven_requests_only(pix: Pixstore, monkeypatch: Any) -> None:
    """It runs after the proof and before the store, with the request's scope and the image id."""
    record = await pix.save_image(picture())
    seen: list[tuple[str, str]] = []

    async def authorize(scope: Any, image_id: str) -> bool:
        seen.append((scope["path"], image_id))
        return len(seen) == 1

    async with client(PixstoreApp(pix, authorize=authorize)) as http:
        assert (await http.get(f"/{record.id}")).content == b"\x04"
        assert (await http.get(f"/{record.id}", headers={"x-pixstore-proof": "A" * 48})).content == b"\x05"
        assert (await http.get("/")).status_code == 400
        assert seen == []
        assert (await http.get(f"/{record.id}", headers=headers(record))).content[0] == 0
        for name in ("find_nowait", "open"):
            monkeypatch.setattr(ImageCache, name, lambda *_: pytest.fail("the store was asked"))
        assert (await http.get(f"/{record.id}", headers=headers(record))).status_code == 403
    assert seen == [(f"/{record.id}", record.id)] * 2


async def test_an_error_in_authorize_is_an_internal_error(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """An exception in the application's own check is logged and answers InternalError: no image, no crash."""
    record = await pix.save_image(picture())

    def authorize(scope: Any, image_id: str) -> bool:
        raise ZeroDivisionError

    async with client(PixstoreApp(pix, authorize=authorize)) as http:
        response = await http.get(f"/{record.id}", headers=headers(record))
    assert (response.status_code, response.content) == (200, b"\x06")
    assert "ZeroDivisionError" in caplog.text
    assert record.stateless_proof not in caplog.text


@pytest.mark.parametrize("key", ["session", "user", "auth"])
@pytest.mark.parametrize("read", [lambda scope, key: scope[key], lambda scope, key: getattr(Request(scope), key)])
async def test_a_scope_without_its_session_names_the_order(
    pix: Pixstore, caplog: pytest.LogCaptureFixture, key: str, read: Any
) -> None:
    """If a rule needs a scope key that a middleware inside PixstoreMiddleware sets, the log says how to order them."""
    record = await pix.save_image(picture())
    app = PixstoreMiddleware(PixstoreApp(pix), pix, authorize=lambda scope, image_id: read(scope, key))
    async with client(app) as http:
        response = await http.get(f"/pixstore-image/{record.id}", headers=headers(record))
    assert response.content == b"\x06"
    assert f'no middleware has set scope["{key}"]; add the one that sets it after PixstoreMiddleware' in caplog.text


@pytest.mark.parametrize("error", [KeyError("session"), KeyError("sid"), KeyError(), ValueError("session")])
async def test_another_error_of_a_rule_names_no_order(
    pix: Pixstore, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """An error that is not for want of a middleware, be it a KeyError, is logged as it is."""
    record = await pix.save_image(picture())

    def authorize(scope: Any, image_id: str) -> bool:
        raise error

    images = PixstoreApp(pix, authorize=authorize)

    async def with_session(scope: Any, receive: Any, send: Any) -> None:
        await images({**scope, "session": {}}, receive, send)

    async with client(with_session) as http:
        assert (await http.get(f"/{record.id}", headers=headers(record))).content == b"\x06"
    assert "authorize failed" in caplog.text
    assert "PixstoreMiddleware" not in caplog.messages[0]
