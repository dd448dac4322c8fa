"""PixstoreMiddleware: one route of an application goes to its images."""

from typing import Any

import pytest

from pixstore_asgi import ConfigError, Pixstore, PixstoreMiddleware
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import Wire, client
from tests.support.requests import headers
from tests.support.samples import SECRET, picture


async def passed_on(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.mark.parametrize(
    "path", ["/", "/pixstore-images", "/pixstore-imageX/a", "/a/pixstore-image/b", "/PIXSTORE-IMAGE/a"]
)
async def test_other_routes_pass_through_untouched(pix: Pixstore, path: str) -> None:
    """A path that is not the route goes to the application with the very same scope, receive and send."""
    seen: list[tuple[Any, ...]] = []

    async def inner(*arguments: Any) -> None:
        seen.append(arguments)

    wire = Wire()
    for kind in ("http", "websocket", "something-new"):
        scope: dict[str, Any] = {"type": kind, "method": "GET", "path": path, "headers": []}
        await PixstoreMiddleware(inner, pix)(scope, wire.receive, wire.send)
        assert seen.pop() == (scope, wire.receive, wire.send)


async def test_the_route_is_served(pix: Pixstore) -> None:
    """The route and all below it is the images' app, options included."""
    record = await pix.save_image(picture(), directory="players")
    app = PixstoreMiddleware(passed_on, pix, route="/my/images", allow_origins=None)
    async with client(app) as http:
        response = await http.get(f"/my/images/{record.id.replace(':', '%3A')}", headers=headers(record))
        assert (response.status_code, response.content[0]) == (200, 0)
        assert "access-control-allow-origin" not in response.headers
        assert (await http.get("/my/images")).content == b"\x03"
        assert (await http.get("/my/images/-/client/index.js")).status_code == 200
        assert (await http.get("/my/other")).status_code == 299


@pytest.mark.parametrize("route", ["", "/", "images", "/images/"])
def test_a_route_that_cannot_be_is_refused(route: str) -> None:
    """A route starts with a slash and ends without one."""
    with pytest.raises(ConfigError, match="route must"):
        PixstoreMiddleware(passed_on, Pixstore(MemoryStore(), secret=SECRET), route=route)
