"""ClientFiles: serves the browser client, which is inside an installed package, or beside it in a source checkout."""

import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from ..errors import ConfigError
from ..serving.headers import RawHeaders

_FILE = re.compile(r"/[a-z0-9-]+\.js", re.ASCII)
_HEADERS: RawHeaders = [
    (b"access-control-allow-origin", b"*"),  # modules are always fetched with CORS, and the client is no secret
    (b"cache-control", b"no-cache"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
]


class ClientFiles:
    """An ASGI app over the folder of the browser client: `/index.js`, one ES module, and its worker.

    Raises ConfigError where the files are missing; called, Starlette's HTTPException for what is none of them.
    """

    def __init__(self) -> None:
        self._files = StaticFiles(directory=client_directory())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_public(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        if _FILE.fullmatch(scope["path"]) is None:
            raise HTTPException(404)
        await self._files(scope, receive, send_public)


def client_directory() -> Path:
    """Return the folder of the browser client as it is served. Raises ConfigError where it is missing."""
    package = Path(__file__).parents[1]
    for directory in (package / "_client", package.parent / "js_client" / "dist"):
        if (directory / "index.js").is_file():
            return directory
    raise ConfigError("the browser client's files are missing from the installation: install pixstore-asgi again")
