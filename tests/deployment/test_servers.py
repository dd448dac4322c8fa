"""Under real servers: requests over real sockets, and an end on SIGTERM and Ctrl-C."""

import contextlib
import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import Pixstore, decode_payload
from tests.support.nginx import PAGE
from tests.support.paths import ROOT
from tests.support.requests import headers, image_of, save, url_of
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import SERVERS, Server, running, serving

pytestmark = pytest.mark.servers

CASES = [
    pytest.param(server, app, how, id=f"{how.name}-{server}-{app}", marks=marks)
    for server in SERVERS
    for app, how, marks in (
        ("bare_mount", signal.SIGTERM, ()),
        ("wrapped", signal.SIGINT, ()),
        ("wrapped", signal.SIGTERM, pytest.mark.soak),
        ("bare_mount", signal.SIGINT, pytest.mark.soak),
    )
]


@pytest.fixture(scope="module", params=SERVERS)
def bare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each server with a bare mount, for tests that leave it running; it exits at the end and has logged no error."""
    with serving(request.param, "bare_mount", tmp_path_factory.mktemp("bare")) as server:
        yield server
        assert server.stop() in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
        assert "Traceback" not in server.log


def sending(server: Server, request: bytes) -> socket.socket:
    """Connect to a server and send bytes as they are."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.sendall(request)
    return connection


def raw(server: Server, request: bytes) -> bytes:
    """Send bytes as they are and return everything that comes back before the server closes."""
    answer = b""
    with sending(server, request) as connection, contextlib.suppress(ConnectionError):
        while data := connection.recv(65_536):
            answer += data
    return answer


@pytest.mark.parametrize(("server", "app", "how"), CASES)
async def test_it_serves_and_exits(tmp_path: Path, server: str, app: str, how: signal.Signals) -> None:
    """Images are saved and served, small and large; the signal ends the process, and the images are still there."""
    with serving(server, app, tmp_path) as running:
        small, large = save(running, kind="jpeg"), save(running, size=3_000_000)
        assert image_of(running, small) == picture("jpeg")
        assert image_of(running, large) == large_png(3_000_000)
        code = running.stop(how)
        assert code in (0, -how, 128 + how), running.log
        assert "Traceback" not in running.log
        assert "exception" not in running.log.lower()
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as again:
        kept = await again.get_image_record(large.id)
        assert kept is not None
        assert kept.token == large.token
        renewed = await again.update_image(small.id, picture("webp"))
        assert renewed.token > small.token


def test_hostile_requests_leave_the_server_alive(bare: Server) -> None:
    """Broken paths, repeated headers and cut-off requests get an answer or none; the next image is served."""
    record = save(bare)
    proof, token = record.stateless_proof, record.token
    name = record.id.replace(":", "%3A")
    lines = [
        "GET /pixstore-image/% HTTP/1.1\r\nHost: x\r\n",
        "GET /pixstore-image/%FF%FE HTTP/1.1\r\nHost: x\r\n",
        "GET /pixstore-image/a%00b HTTP/1.1\r\nHost: x\r\n",
        "GET /pixstore-image/..%2F..%2Fetc%2Fpasswd HTTP/1.1\r\nHost: x\r\n",
        f"GET /pixstore-image/{name} HTTP/1.1\r\nHost: x\r\nx-pixstore-proof: {proof}\r\n"
        f"x-pixstore-token: {token}\r\nx-pixstore-token: {token}\r\n",
        f"GET /pixstore-image/{name} HTTP/1.1\r\nHost: x\r\nx-pixstore-proof: \xff\xfe\r\nx-pixstore-token: 1\r\n",
        "GET /pixstore-image/" + "a" * 65_536 + " HTTP/1.1\r\nHost: x\r\n",
    ]
    answers = [raw(bare, f"{line}Connection: close\r\n\r\n".encode("latin-1")) for line in lines]
    for answer in answers:
        status = answer[9:12]
        assert answer == b"" or status in (b"200", b"400", b"404", b"414", b"431"), answer[:200]
        assert b"\r\n\r\n\x00" not in answer
        assert b"\r\n\r\n\x01" not in answer
    assert b"x-pixstore-state: InvalidProof" in answers[4]
    with sending(bare, b"GET /pixstore-image/"):
        assert image_of(bare, record) == picture()
    assert image_of(bare, record) == picture()


def test_clients_that_leave_early_do_no_harm(bare: Server) -> None:
    """Clients that close in the middle of a large image leave a server that goes on; `bare` checks that it exits."""
    record = save(bare, size=9_000_000)
    sent = "".join(f"{name}: {value}\r\n" for name, value in headers(record).items())
    path = url_of(bare, record).removeprefix(bare.url)
    for _ in range(8):
        with sending(bare, f"GET {path} HTTP/1.1\r\nHost: x\r\n{sent}\r\n".encode()) as connection:
            assert connection.recv(1000)
    assert image_of(bare, record) == large_png(9_000_000)


(ONLY_HTTP1,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_hypercorn_is_kept_from_http2(tmp_path: Path) -> None:
    """With the page's wrapper Hypercorn answers HTTP/2 in clear text with 505, without it with 200."""
    (tmp_path / "app.py").write_text("from tests.support.server_app import bare_mount as app\n")
    (tmp_path / "edge.py").write_text(ONLY_HTTP1)
    environment = {"PIXSTORE_TEST_DB": str(tmp_path / "pixstore.db"), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    for target, status in (("app:app", 200), ("edge:only_http1", 505)):
        with running("hypercorn", target, tmp_path, cwd=tmp_path, environment=environment) as server:
            record = save(server)
            assert image_of(server, record) == picture()
            with httpx.Client(http1=False, http2=True) as http:
                assert http.get(url_of(server, record), headers=headers(record)).status_code == status


def test_two_servers_on_one_database(tmp_path: Path) -> None:
    """A record from one process is good at another, and an update by one is seen by the other at once."""
    with serving("uvicorn", "wrapped", tmp_path) as first, serving("granian", "bare_mount", tmp_path) as second:
        for _ in range(5):
            record = save(first)
            assert image_of(second, record) == picture()
            renewed = save(second, id=record.id, kind="jpeg")
            answer = httpx.get(url_of(first, record), headers=headers(record))
            assert answer.headers["x-pixstore-state"] == "Updated"
            assert decode_payload(answer.content).token == renewed.token


def test_a_real_server_answers_json_records(tmp_path: Path) -> None:
    """The record that leaves an application is plain JSON with the protocol's names."""
    with serving("uvicorn", "wrapped", tmp_path) as running:
        text = httpx.post(f"{running.url}/save").text
    assert set(json.loads(text)) == {"id", "token", "meta", "statelessProof", "proofExpiresAt"}
