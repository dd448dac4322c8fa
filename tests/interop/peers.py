"""A running application around one of the two packages, and how a client reads from it."""

import http.client
import json
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pixstore_asgi import ImageRecord, PixstoreError, WireState, decode_payload
from pixstore_asgi.core.cipher import unseal

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
