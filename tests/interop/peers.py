"""The two peers, npm's pixstore and ours, each an application in a process of its own, behind one face."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pixstore_asgi import ImageRecord, PixstoreError, WireState, decode_payload
from pixstore_asgi.cipher import unseal
from tests.servers import free_port
from tests.support import SECRET

REPOSITORY = Path(__file__).parent.parent.parent
NODE_FOLDER = REPOSITORY / "tests" / "js"
WINDOW_MS = 20_000
READABLE = "the image"
UNDECRYPTABLE = "undecryptable"

Response = tuple[int, dict[str, str], bytes]
"""Status, headers by lower-case name, body."""


class CallError(Exception):
    """A call of a peer's API failed; the text is the name of the error there."""


def open_body(record: ImageRecord, body: bytes) -> str:
    """Read a response as a client would: READABLE, UNDECRYPTABLE, or the refusal's name."""
    try:
        payload = decode_payload(body)
        if payload.state is WireState.SUCCESS:
            unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=payload.ciphertext)
        elif payload.state is WireState.UPDATED:
            assert payload.key is not None
            assert payload.iv is not None
            assert payload.tag is not None
            unseal(key=payload.key, iv=payload.iv, tag=payload.tag, ciphertext=payload.ciphertext)
        else:
            return payload.state.label
    except PixstoreError:
        return UNDECRYPTABLE
    return READABLE


class Peer:
    """A running application: `app` and `endpoint` are URLs, `folder` is where it keeps its data."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, app: str, endpoint: str) -> None:
        self.process = process
        self.folder = folder
        self.app = app
        self.endpoint = endpoint

    def call(self, name: str, body: bytes = b"", **query: str | int) -> Any:
        """Call the application's API. Raises CallError."""
        path = f"/call/{name}?{urlencode(query)}"
        answer = json.loads(request(self.app, "POST", path, body=body)[2])
        if "error" in answer:
            raise CallError(answer["error"])
        return answer["result"]

    def save(self, image: bytes, **query: str) -> ImageRecord:
        return ImageRecord.parse(self.call("save", image, **query))

    def update(self, image_id: str, image: bytes) -> ImageRecord:
        return ImageRecord.parse(self.call("update", image, id=image_id))

    def record(self, image_id: str) -> ImageRecord:
        return ImageRecord.parse(self.call("record", id=image_id))

    def ask(self, path: str, method: str = "GET", **headers: str) -> Response:
        """Send a request to a path below the endpoint, as it stands. Raises OSError where there is no answer."""
        url = urlsplit(self.endpoint)
        named = {f"x-pixstore-{name}": value for name, value in headers.items()}
        return request(f"http://{url.netloc}", method, url.path + path, headers=named)

    def get(self, record: ImageRecord) -> Response:
        """Ask for a record's image as a client does."""
        return self.ask(path_of(record), proof=record.stateless_proof, token=str(record.token))

    def outcome(self, record: ImageRecord) -> str:
        """Ask for a record's image and read it as a client would; see `open_body`."""
        return open_body(record, self.get(record)[2])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)


def path_of(record: ImageRecord) -> str:
    return "/" + quote(record.id, safe="")


def request(
    origin: str, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
) -> Response:
    connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=30)
    try:
        connection.request(method, path, body or None, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


class Side:
    """One of the two packages, "npm" or "ours": starts its applications. `table` is where its database keeps metadata."""

    def __init__(self, name: str, table: str, folder: Path, page: Path) -> None:
        self.name = name
        self.table = table
        self.page = page
        self._folder = folder
        self._started = 0
        self._stack = contextlib.ExitStack()
        self._shared: Peer | None = None

    @property
    def shared(self) -> Peer:
        """An application that lives as long as this side, for scenarios that leave it as they found it."""
        if self._shared is None:
            self._shared = self._stack.enter_context(self.start())
        return self._shared

    def close(self) -> None:
        self._stack.close()

    def new_folder(self) -> Path:
        self._started += 1
        folder = self._folder / f"{self.name}-{self._started}"
        folder.mkdir()
        return folder

    @contextlib.contextmanager
    def start(
        self,
        folder: Path | None = None,
        *,
        window_ms: int | None = WINDOW_MS,
        route: str | None = None,
        own_endpoint: bool = False,
        secrets: tuple[str, ...] = (SECRET,),
    ) -> Iterator[Peer]:
        """Run an application until the block ends, in a new folder or in that of another one.

        window_ms, route: None leaves the package its default. secrets: ours alone can be given any.
        """
        folder = folder or self.new_folder()
        if self.name == "npm":
            command = self._npm_command(window_ms, route, own_endpoint)
        else:
            command = self._our_command(folder, window_ms, route, own_endpoint, secrets)
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                umask=0o022,
            )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the application did not start:\n{(folder / 'log').read_text()}")
            yield Peer(process, folder, **json.loads(line))
            if process.poll() is None:
                process.terminate()
                process.wait(15)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def _npm_command(self, window_ms: int | None, route: str | None, own_endpoint: bool) -> list[str]:
        # A port is left to the package only together with its other defaults: the one it draws may be taken.
        config: dict[str, Any] = {} if window_ms is None else {"defaultEndpointListenPort": free_port()}
        config |= {"statelessKeyWindowLength": window_ms} if window_ms else {}
        config |= {"defaultEndpointRoute": route} if route else {}
        config |= {"defaultEndpointEnabled": False} if own_endpoint else {}
        given = json.dumps({"config": config, "page": str(self.page)})
        return ["node", str(NODE_FOLDER / "interop" / "backend.mjs"), given]

    def _our_command(
        self, folder: Path, window_ms: int | None, route: str | None, own_endpoint: bool, secrets: tuple[str, ...]
    ) -> list[str]:
        given = {
            "database": str(folder / "pixstore.db"),
            "secrets": secrets,
            "page": str(self.page),
            "route": route,
            "window_ms": window_ms,
            "own_endpoint": own_endpoint,
        }
        return [sys.executable, "-m", "tests.interop.our_app", json.dumps(given)]


def build_page(folder: Path) -> Path:
    """Bundle the page that both applications serve."""
    subprocess.run(
        ["node", NODE_FOLDER / "interop" / "bundle.mjs", folder], check=True, capture_output=True, timeout=60
    )
    return folder


@contextlib.contextmanager
def both_sides(folder: Path) -> Iterator[dict[str, Side]]:
    """Make npm's side and ours, which keep their data below `folder`."""
    page = build_page(folder)
    with contextlib.ExitStack() as stack:
        sides = {name: Side(name, table, folder, page) for name, table in (("npm", "image_records"), ("ours", "image"))}
        for side in sides.values():
            stack.callback(side.close)
        yield sides
