"""deployment.md: its nginx configuration and its service's command line, run before the Starlette recipe."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import sync_playwright
from websockets.sync.client import connect

from benchmarks.browser.chromium import CHROMIUM_ARGUMENTS
from pixstore_asgi import ImageRecord, Pixstore, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.support.console import Shell, section_of
from tests.support.nginx import PAGE, SITE, Nginx, running_nginx
from tests.support.paths import ROOT
from tests.support.recipes import PAGES, recipe, write_files
from tests.support.recipes import save as save_beside
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import Server, running
from tests.support.service import running_service, unit, until
from tests.support.tools import require

pytestmark = pytest.mark.servers
MIB = 1024 * 1024


class Deployment(NamedTuple):
    """nginx in front of uvicorn's workers."""

    nginx: Nginx
    uvicorn: Server
    folder: Path


@pytest.fixture(scope="module")
def nginx_path() -> str:
    return require("nginx", "nginx-light (Debian)", ROOT / ".venv" / "nginx" / "usr" / "sbin")


@pytest.fixture(scope="module")
def deployed(nginx_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with running_service(folder) as uvicorn, running_nginx(nginx_path, folder / "nginx", _port(uvicorn)) as nginx:
        yield Deployment(nginx, uvicorn, folder)


def _port(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def save(http: httpx.Client, image: bytes) -> ImageRecord:
    return ImageRecord.parse(http.post("/api/pictures", content=image).raise_for_status().json())


def request_of(record: ImageRecord) -> dict[str, Any]:
    return {
        "url": f"/pixstore-image/{record.id}",
        "headers": {
            "x-pixstore-proof": record.stateless_proof,
            "x-pixstore-token": str(record.token),
            "accept-encoding": "gzip",
        },
    }


def decrypted(record: ImageRecord, body: bytes) -> bytes:
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=decode_payload(body).ciphertext)[1]


def test_images_pass(deployed: Deployment) -> None:
    """Records and payloads come over HTTPS and HTTP/2 as the application sent them: not compressed, not cached."""
    with deployed.nginx.client(http2=True) as http:
        record = save(http, picture())
        for _ in range(4):  # any worker may answer
            response = http.get(**request_of(record))
            assert decrypted(record, response.content) == picture()
            assert response.http_version == "HTTP/2"
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["content-encoding"] == "identity"
            assert response.headers["content-length"] == str(len(response.content))
            assert response.headers["strict-transport-security"] == "max-age=31536000"
        fresh = http.get(f"/api/pictures/{record.id}", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in fresh.headers
        assert http.get("/api/pictures/nobody").status_code == 404
    assert not any((deployed.nginx.folder / "cache").iterdir())


def test_the_browser_client_comes_compressed(deployed: Deployment) -> None:
    """The client passes nginx in the coding that the application chose, at its length, and by its ETag once."""
    with deployed.nginx.client(http2=True) as http:
        for coding, ending in (("br", ".br"), ("gzip", ".gz"), ("identity", "")):
            sent = {"accept-encoding": coding}
            with http.stream("GET", "/pixstore-image/-/client/index.js", headers=sent) as response:
                assert b"".join(response.iter_raw()) == (ROOT / "js_client/dist" / f"index.js{ending}").read_bytes()
            assert response.headers.get("content-encoding", "identity") == coding
            known = {**sent, "if-none-match": response.headers["etag"]}
            assert http.get("/pixstore-image/-/client/index.js", headers=known).status_code == 304


def test_plain_http_goes_to_https(deployed: Deployment) -> None:
    """A request without TLS reaches no application and is sent to HTTPS."""
    response = httpx.get(f"http://127.0.0.1:{deployed.nginx.http_port}/pixstore-image/a%3Ab?c", trust_env=False)
    assert response.status_code == 301
    assert response.headers["location"] == "https://127.0.0.1/pixstore-image/a%3Ab?c"


def test_path_and_headers_pass_untouched(nginx_path: str, tmp_path: Path) -> None:
    """%3A arrives as %3A, with proof and token, and the client can't say which address it came from."""
    sent = {"x-pixstore-proof": "p/+=", "x-pixstore-token": "7", "x-forwarded-for": "6.6.6.6"}
    received: list[str] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as upstream,
        running_nginx(nginx_path, tmp_path / "nginx", upstream.getsockname()[1]) as nginx,
        nginx.client() as http,
    ):
        application = threading.Thread(target=lambda: received.append(answer_once(upstream)))
        application.start()
        assert http.get("/pixstore-image/players%3Aa_b-c", headers=sent).content == b"\x02"
        application.join(20)
    lines = received[0].splitlines()
    assert lines[0] == "GET /pixstore-image/players%3Aa_b-c HTTP/1.1"
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    assert headers["x-pixstore-proof"] == "p/+="
    assert headers["x-pixstore-token"] == "7"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"


def test_requests_share_a_connection(nginx_path: str, tmp_path: Path) -> None:
    """nginx sends many requests to the application on one connection."""
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), KeptOpen) as upstream,
        running_nginx(nginx_path, tmp_path / "nginx", upstream.server_port) as nginx,
        nginx.client() as http,
    ):
        threading.Thread(target=upstream.serve_forever).start()
        try:
            ports = {http.get("/pixstore-image/a%3Ab").text for _ in range(20)}
        finally:
            upstream.shutdown()
    assert len(ports) == 1


def test_a_websocket_passes(nginx_path: str, tmp_path: Path) -> None:
    """With the location of recipes/websocket.md, that recipe sends an image through nginx."""
    (location,) = re.findall(r"```nginx\n(.*?)```", PAGES["websocket"], re.DOTALL)
    site = SITE.replace("    location / {", f"{location}\n    location / {{")
    image = picture()
    with (
        recipe(write_files(tmp_path), "socket_app") as server,
        running_nginx(nginx_path, tmp_path / "nginx", _port(server), site) as nginx,
    ):
        record = save_beside(tmp_path, image)
        trusted = ssl.create_default_context(cafile=nginx.folder / "fullchain.pem")
        with connect(f"wss://127.0.0.1:{nginx.https_port}/pictures", ssl=trusted) as client:
            client.send(json.dumps({"id": record.id, "token": record.token, "proof": record.stateless_proof}))
            size = int(client.recv())
            received = client.recv()
    assert isinstance(received, bytes)
    assert len(received) == size
    assert decrypted(record, received) == image


class KeptOpen(BaseHTTPRequestHandler):
    """Answers with the port that the request came from, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        port = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(port)))
        self.end_headers()
        self.wfile.write(port)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


def answer_once(upstream: socket.socket) -> str:
    """Take one request off a socket, answer NotFound, and return the request."""
    connection, _ = upstream.accept()
    with connection:
        request = connection.recv(65536).decode()
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n\x02")
    return request


def test_uploads_stream(deployed: Deployment) -> None:
    """While a client still sends, the first half of its picture is in the database, encrypted; none is spooled."""
    image = large_png(20 * MIB)
    database = sqlite3.connect(deployed.folder / "pixstore.db")
    before = _chunks(database)

    def pieces() -> Iterator[bytes]:
        yield image[: 10 * MIB]
        until(lambda: _chunks(database) >= before + 30, "nothing of the upload arrived before its end")
        yield image[10 * MIB :]

    with contextlib.closing(database), deployed.nginx.client() as http:
        answer = http.post("/api/pictures", content=pieces(), headers={"content-length": str(len(image))})
        record = ImageRecord.parse(answer.raise_for_status().json())
        assert decrypted(record, http.get(**request_of(record)).content) == image
    assert "spool" not in deployed.nginx.errors


def _chunks(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT count(*) FROM chunk").fetchone()[0])


def test_the_largest_image_passes_and_more_is_refused(deployed: Deployment) -> None:
    """An image of max_image_bytes gets through to the application; nginx refuses a clearly longer one."""
    with deployed.nginx.client() as http:
        assert http.post("/api/pictures", content=large_png(32 * MIB)).status_code == 200
        too_large = http.post("/api/pictures", content=large_png(32 * MIB + 1))
        assert "longer than max_image_bytes" in too_large.json()["detail"]
        longer = large_png(40 * MIB)
        in_chunks = (longer[start : start + MIB] for start in range(0, len(longer), MIB))  # no length in advance
        answer = http.post("/api/pictures", content=in_chunks)
        # nginx and the application have nearly the same limit, so either may refuse first.
        assert answer.status_code == 413
        assert re.match("the picture is too large|.* longer than max_image_bytes", answer.json()["detail"])
    with deployed.nginx.client(http2=True) as http:
        refused = http.post("/api/pictures", headers={"content-length": str(34 * MIB)})
        assert refused.status_code == 413
        assert refused.headers["content-type"] == "application/json"
        assert refused.json() == {"detail": "the picture is too large"}
        assert refused.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("http2", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_a_refused_upload_gets_its_answer(deployed: Deployment, http2: bool) -> None:
    """An upload that is refused at its first bytes gets the application's 400 through nginx, not a 502."""
    no_image = b"<html>" + bytes(12 * MIB)
    with deployed.nginx.client(http2=http2) as http:
        answers = [http.post("/api/pictures", content=no_image) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [400] * 6
        assert all("not an image of a format accepted here" in answer.json()["detail"] for answer in answers)


def test_assets_are_compressed_and_nothing_else(nginx_path: str, tmp_path: Path) -> None:
    """The application's own scripts below /assets/ come compressed, the same text elsewhere does not."""
    script = "// a line of a script\n" * 1000
    (tmp_path / "app.py").write_text(
        "from starlette.applications import Starlette\n"
        "from starlette.responses import PlainTextResponse\n"
        "from starlette.routing import Route\n"
        f"script = PlainTextResponse({script!r}, media_type='text/javascript')\n"
        "app = Starlette(routes=[Route('/{path:path}', lambda request: script)])\n"
    )
    with (
        running("uvicorn", "app:app", tmp_path, cwd=tmp_path, environment={}) as server,
        running_nginx(nginx_path, tmp_path / "nginx", _port(server)) as nginx,
        nginx.client() as http,
    ):
        codings = [http.get(path).headers.get("content-encoding") for path in ("/assets/app.js", "/app.js")]
        assert http.get("/assets/app.js").text == script
    assert codings == ["gzip", None]


def test_without_its_lines_an_upload_is_spooled(deployed: Deployment, nginx_path: str, tmp_path: Path) -> None:
    """The same upload fails for want of a spool where the line against spooling is taken out: the check can fail."""
    site = SITE.replace("proxy_request_buffering off;", "")
    with running_nginx(nginx_path, tmp_path / "nginx", _port(deployed.uvicorn), site) as nginx, nginx.client() as http:
        assert http.post("/api/pictures", content=large_png(MIB)).status_code == 500
        assert "spool/body" in nginx.errors


def test_without_its_lines_an_image_is_spooled(deployed: Deployment, nginx_path: str, tmp_path: Path) -> None:
    """A slow reader's image is spooled, here in vain, where both lines against that are taken out."""
    site = SITE.replace("proxy_buffering off;", "").replace("proxy_max_temp_file_size 0;", "")
    with running_nginx(nginx_path, tmp_path / "nginx", _port(deployed.uvicorn), site) as nginx, nginx.client() as http:
        record = save(http, large_png(20 * MIB))
        with http.stream("GET", **request_of(record)):
            until(lambda: "spool/proxy" in nginx.errors, "nothing was spooled")


@pytest.mark.parametrize("what", ["nginx", "application"])
def test_a_reload_leaves_downloads_alone(deployed: Deployment, what: str) -> None:
    """A download under way ends whole when nginx, or the application by its ExecReload, starts anew."""
    nginx, uvicorn, _ = deployed
    image = large_png(32 * MIB)  # more than the sockets' buffers take
    ended = uvicorn.log.count("Finished server process")
    with nginx.client() as http, nginx.client() as other:
        record = save(http, image)
        with http.stream("GET", **request_of(record)) as response:
            pieces = response.iter_raw()
            body = next(pieces)
            if what == "nginx":
                nginx.reload()
                small = save(other, picture())
                assert decrypted(small, other.get(**request_of(small)).content) == picture()
            else:
                assert unit()["Service"]["ExecReload"] == "/bin/kill -HUP $MAINPID"
                uvicorn.process.send_signal(signal.SIGHUP)
                until(lambda: "Waiting for" in uvicorn.log.rpartition("Received SIGHUP")[2], uvicorn.log)
            assert f"GET {request_of(record)['url']} HTTP/1.1" not in nginx.accesses  # it is not over
            body += b"".join(pieces)
        assert decrypted(record, body) == image
        if what == "application":
            # not earlier: a stopping worker may close a connection that it has just accepted, which is a 502
            until(lambda: uvicorn.log.count("Finished server process") == ended + 2, uvicorn.log)
        again = ImageRecord.parse(other.get(f"/api/pictures/{record.id}").raise_for_status().json())
        assert decrypted(again, other.get(**request_of(again)).content) == image
    assert "spool" not in nginx.errors


@pytest.mark.browser
def test_a_browser_shows_pictures_through_a_reload(deployed: Deployment, chromium_path: str) -> None:
    """Over HTTPS and HTTP/2 the client shows many pictures at once, and a slow one whole though nginx starts anew."""
    nginx = deployed.nginx
    large = large_png(16 * MIB)
    with nginx.client() as http:
        records = [save(http, picture(seed=seed)) for seed in range(12)]
        slow = save(http, large)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(ignore_https_errors=True)
        page.goto(f"https://127.0.0.1:{nginx.https_port}/api/pictures/nobody")  # any page of this origin
        page.evaluate("async () => { window.client = await import('/pixstore-image/-/client/index.js') }")
        sizes = page.evaluate(
            "records => Promise.all(records.map(async (r) => (await client.getImage(r)).size))", records
        )
        assert sizes == [len(picture(seed=seed)) for seed in range(12)]
        network = page.context.new_cdp_session(page)
        network.send("Network.emulateNetworkConditions", {**_NETWORK, "downloadThroughput": MIB // 4})
        page.evaluate("record => { window.downloading = client.getImage(record) }", slow)
        until(lambda: _has_begun(deployed.uvicorn, slow), deployed.uvicorn)
        nginx.reload()
        assert request_of(slow)["url"] not in nginx.accesses  # it is not over
        network.send("Network.emulateNetworkConditions", _NETWORK)
        assert page.evaluate("async () => (await downloading).size") == len(large)
        browser.close()
    until(lambda: f"GET {request_of(slow)['url']} HTTP/2.0" in nginx.accesses, nginx.accesses)


_NETWORK = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


def _has_begun(server: Server, record: ImageRecord) -> bool:
    """Tell whether a request for an image has reached the application, which logs it as it begins to answer."""
    return record.id in server.log or quote(record.id, safe="") in server.log  # as uvicorn 0.55 and older ones log it


def test_logs_tell_the_state_and_no_secret(deployed: Deployment) -> None:
    """The access log has path, status and state; no log of nginx or uvicorn has a proof or a key."""
    nginx, uvicorn, _ = deployed
    with nginx.client() as http:
        record = save(http, picture("webp"))
        http.get(**request_of(record))
    until(lambda: record.id in nginx.accesses, nginx.accesses)
    line = next(line for line in nginx.accesses.splitlines() if record.id in line)
    assert line.endswith("state=Success")
    for log in (nginx.accesses, nginx.errors, uvicorn.log):
        for secret in (record.stateless_proof, record["meta"]["key"], SECRET):
            assert secret not in log


def test_the_checks_before_the_first_user(deployed: Deployment) -> None:
    """The answers that the page's last table promises are the answers."""
    rows = re.findall(r"^\| `curl (-\w) https://…(\S+)` \| (\d+), (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    with deployed.nginx.client() as http:
        for option, path, status, rest in rows:
            response = http.request("HEAD" if option == "-I" else "GET", path)
            assert response.status_code == int(status), path
            for name, value in re.findall(r"`([\w-]+): (\S+)`", rest):
                assert response.headers[name] == value, path
        assert "javascript" in response.headers["content-type"]
        assert http.get("/pixstore-image").status_code == 307  # as troubleshooting.md says
    assert (deployed.folder / "pixstore.db").stat().st_mode & 0o777 == 0o600


async def test_a_backup_opens_with_the_secret(deployed: Deployment, tmp_path: Path) -> None:
    """A copy that SQLite's backup makes of a running service's database has the image, if opened with the secret."""
    with deployed.nginx.client() as http:
        record = save(http, picture())
    with (
        contextlib.closing(sqlite3.connect(deployed.folder / "pixstore.db")) as source,
        contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
    ):
        source.backup(copy)  # the sqlite3 shell's .backup calls the same function
    async with Pixstore(tmp_path / "copy.db", secret=SECRET) as pix:
        image = await pix.read_image(record.id)
    assert image is not None
    assert image.data == picture()


def test_the_units_limits_leave_room() -> None:
    """systemd waits longer than drain and uvicorn together, and signals the main process alone: it ends its workers."""
    service = unit()["Service"]
    arguments = shlex.split(service["ExecStart"])
    grace = int(arguments[arguments.index("--timeout-graceful-shutdown") + 1])
    drain = max(map(int, re.findall(r"drain_s=(\d+)", PAGE)))
    assert int(service["TimeoutStopSec"]) > drain + grace
    assert service["KillMode"] == "mixed"


def test_the_secrets_file_is_roots_own(tmp_path: Path) -> None:
    """By the page's commands the file is closed to others, and the unit would read one whole secret from it."""
    file = tmp_path / "etc" / "secret.env"
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    instead = {"/etc/pictures": str(file.parent), "/srv/pictures": f"{tmp_path}/srv", "python3 ": f"{sys.executable} "}
    with Shell(tmp_path, environment=environment, instead=instead) as shell:
        shell.follow(section_of(PAGE, "Run the application as a service"))
    assert unit()["Service"]["EnvironmentFile"] == "/etc/pictures/secret.env"
    assert re.fullmatch(r'PIXSTORE_SECRET="[\w-]{43}"\n', file.read_text())
