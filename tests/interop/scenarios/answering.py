"""Scenarios about requests and responses."""

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from pixstore_asgi import ImageRecord
from tests.interop.peers import Peer, open_body, path_of
from tests.interop.sides import Setup, Side
from tests.support.samples import large_png, picture

MB = 1_000_000
SLOW_CLIENTS = 10


def malformed_path(side: Side) -> str:
    """A path that is no valid percent-encoding, without any proof."""
    with side.start() as peer:
        record = peer.save(picture())
        try:
            answer = open_body(record, peer.ask("/%")[2])
        except OSError:
            peer.process.wait(15)
            return f"the server exits with code {peer.process.returncode}"
        return f"{answer}; the next client gets {peer.outcome(record)}"


def caching(side: Side) -> str:
    """The instructions of responses to a shared cache."""
    peer = side.shared
    record = peer.save(picture())
    peer.update(record.id, picture("webp"))
    _, with_key, body = peer.get(record)
    _, refusal, _ = peer.ask(path_of(record), token=str(record.token))
    assert body[0] == 1
    return "; ".join(headers.get("cache-control", "none") for headers in (with_key, refusal))


def routing(side: Side) -> str:
    """Other methods, a query string, and a path that the route matches only as a regular expression."""
    with side.start(Setup(route="/pixstore.image")) as peer:
        record = peer.save(picture())
        path, own = path_of(record), {"proof": record.stateless_proof, "token": str(record.token)}
        head, post = (peer.ask(path, method, **own)[0] for method in ("HEAD", "POST"))
        query = open_body(record, peer.ask(f"{path}?width=100", **own)[2])
        peer.endpoint = peer.endpoint.replace("pixstore.image", "pixstoreXimage")
        status, _, body = peer.ask(path, **own)
        return f"{head}; {post}; {query}; {open_body(record, body) if status == 200 else status}"


def slow_clients(side: Side) -> str:
    """How the server's memory grows while clients have asked for a large image and read one byte of it."""
    size = 20 * MB
    with side.start() as uploading:
        image_id = uploading.save(large_png(size)).id
    # A separate process: the memory that uploads leave allocated would hide the growth.
    with side.start(folder=uploading.folder) as peer:
        record = peer.record(image_id)
        before = _memory(peer)
        with contextlib.ExitStack() as stack:
            for _ in range(SLOW_CLIENTS):
                stack.enter_context(_stalled(peer, record))
            growth = _memory(peer) - before
    if growth < size:
        return "memory grows by less than one image"
    return "memory grows by more than five images" if growth > size * SLOW_CLIENTS / 2 else "memory grows"


@contextlib.contextmanager
def _stalled(peer: Peer, record: ImageRecord) -> Iterator[None]:
    """Ask for an image, wait for the first byte of the response, and read no more until the block ends."""
    url = urlsplit(peer.endpoint)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect((url.hostname, url.port))
        lines = [
            f"GET {url.path}{path_of(record)} HTTP/1.1",
            f"host: {url.netloc}",
            f"x-pixstore-proof: {record.stateless_proof}",
            f"x-pixstore-token: {record.token}",
        ]
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        assert client.recv(1) == b"H"
        yield


def _memory(peer: Peer) -> int:
    """Return the resident memory of a server's process in bytes."""
    with open(f"/proc/{peer.process.pid}/status") as status:
        (line,) = (line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
