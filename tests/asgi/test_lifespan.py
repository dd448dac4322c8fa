"""The store is open around the life of an application."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import Pixstore, PixstoreApp, PixstoreMiddleware
from tests.support.life import is_closed
from tests.support.samples import SECRET, picture


class Life:
    """A server's side of the lifespan protocol, in the order of a run."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive(self) -> dict[str, str]:
        return {"type": next(self._messages)}

    async def send(self, message: Any) -> None:
        self.said.append(message["type"])

    async def run(self, app: Callable[..., Any]) -> list[str]:
        await app({"type": "lifespan", "asgi": {}, "state": {}}, self.receive, self.send)
        return self.said


COMPLETE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def unopened(tmp_path: Path) -> Pixstore:
    return Pixstore(tmp_path / "pixstore.db", secret=SECRET)


async def test_an_app_alone_answers_lifespan(tmp_path: Path) -> None:
    """A PixstoreApp served by itself opens at startup and closes at shutdown."""
    pix = unopened(tmp_path)
    assert await Life().run(PixstoreApp(pix)) == COMPLETE
    assert is_closed(pix)


async def test_the_store_is_open_around_the_applications_life(tmp_path: Path) -> None:
    """Open before the application's startup, closed after its shutdown, and before the server hears of it."""
    pix = unopened(tmp_path)
    life = Life()
    seen: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        record = await pix.save_image(picture())
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        seen.append(str(await pix.image_exists(record.id)))
        await send({"type": "lifespan.shutdown.complete"})
        seen.append(str(is_closed(pix)))

    assert await life.run(PixstoreMiddleware(inner, pix)) == COMPLETE
    assert seen == ["True", "True"]


async def raises(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"


async def returns(scope: Any, receive: Any, send: Any) -> None:
    await receive()


@pytest.mark.parametrize("inner", [raises, returns])
async def test_lifespan_is_answered_where_the_application_does_not(tmp_path: Path, inner: Any) -> None:
    """An application without lifespan, raising or silent, gets one all the same."""
    pix = unopened(tmp_path)
    assert await Life().run(PixstoreMiddleware(inner, pix)) == COMPLETE
    assert is_closed(pix)


async def test_a_failed_startup_closes_the_store(tmp_path: Path) -> None:
    """If the startup of an application fails, that is reported, and the store is closed."""
    pix = unopened(tmp_path)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})
        raise ZeroDivisionError

    life = Life()
    with pytest.raises(ZeroDivisionError):
        await life.run(PixstoreMiddleware(inner, pix))
    assert life.said == ["lifespan.startup.failed"]
    assert is_closed(pix)


async def test_a_store_that_cannot_open_fails_the_startup(tmp_path: Path) -> None:
    """The server is told, with the text of the error, before the application starts."""
    pix = Pixstore(tmp_path / "nowhere" / "pixstore.db", secret=SECRET)
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        messages.append(message)

    await PixstoreMiddleware(raises, pix)({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in messages] == ["lifespan.startup.failed"]
    assert "nowhere" in messages[0]["message"]
