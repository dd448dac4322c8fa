"""The proxies of deployment.md and cdn.md before an application that hands out records: paths that should deceive them.

Requests go over raw sockets, as no client library sends them.
"""

import contextlib
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from pixstore_asgi import ImageRecord
from tests.support.cdn import SITE, running_cdn
from tests.support.haproxy import balancing
from tests.support.nginx import PAGE, running_nginx
from tests.support.nginx import SITE as NGINX_SITE
from tests.support.paths import DOCS, ROOT
from tests.support.servers import Server, free_port, running
from tests.support.tools import require

pytestmark = pytest.mark.servers

KEPT = "public, max-age=31536000, immutable"
BLOB = "/pixstore-image/-/blob"
HOST = "Host: cdn.example\r\n"
REFUSED = (400, 403, 404, 405, 414, 431, 501, 505)


class Answer(NamedTuple):
    """An answer to a raw request; status 0 if the connection ended without one."""

    status: int
    headers: dict[str, str]
    body: bytes


class Proxy(NamedTuple):
    """Where a proxy listens. tls: its certificate, or None for plain HTTP."""

    port: int
    tls: Path | None


class Site(NamedTuple):
    """The application, one image of it, and its ciphertext."""

    server: Server
    record: ImageRecord
    version: str
    ciphertext: bytes

    def of(self, target: str) -> str:
        """Return a target with this image's version and id in place of V and ID."""
        return target.replace("{V}", self.version).replace("{ID}", self.record.id)

    def seen(self) -> list[dict[str, str]]:
        """Return the requests that have reached the application since the last call."""
        return list(httpx.get(f"{self.server.url}/seen", trust_env=False).json())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hostile")
    environment = {"PIXSTORE_TEST_DB": str(folder / "pixstore.db")}
    with running("uvicorn", "tests.support.edge_app:app", folder, cwd=ROOT, environment=environment) as server:
        made = _site(server)
        made.seen()
        yield made


def _site(server: Server) -> Site:
    record = ImageRecord.parse(httpx.post(f"{server.url}/save", trust_env=False).json())
    url = str(record.ciphertext_url)
    ciphertext = httpx.get(server.url + url, trust_env=False).raise_for_status().content
    return Site(server, record, url.removeprefix(f"{BLOB}/")[:32], ciphertext)


def ask(
    port: int, target: str, *, method: str = "GET", headers: str = HOST, body: str = "", tls: Path | None = None
) -> Answer:
    """Send one request as it stands, and return the answer: all that comes until the server closes.

    tls: the certificate that the server must have, or None for plain HTTP.
    """
    sent = f"{method} {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n{body}".encode("latin-1")
    received = b""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        if tls:
            connection = stack.enter_context(_trusting(tls).wrap_socket(connection, server_hostname="127.0.0.1"))
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                received += data
    lines, _, content = received.partition(b"\r\n\r\n")
    first, *others = lines.decode("latin-1").split("\r\n")
    fields = dict(line.split(":", 1) for line in others)
    return Answer(int(first[9:12] or 0), {name.lower(): value.strip() for name, value in fields.items()}, content)


def _trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


HOSTILE = [
    "/records?id={ID}",
    "/records/?id={ID}",
    "//records?id={ID}",
    "/./records?id={ID}",
    "/%72ecords?id={ID}",
    "/records/../pixstore-image/-/blob/{V}?id={ID}",
    "/records/../pixstore-image/-/blob/x?id={ID}",
    "/records/%2e%2e/pixstore-image/-/blob/{V}?id={ID}",
    "/records/.%2e/pixstore-image/-/blob/{V}?id={ID}",
    "/records/%2E./pixstore-image/-/blob/{V}?id={ID}",
    "/records/..%2fpixstore-image/-/blob/{V}?id={ID}",
    "/records%2f..%2fpixstore-image/-/blob/{V}?id={ID}",
    "/records//../pixstore-image/-/blob/{V}?id={ID}",
    "/records/x/../../pixstore-image/-/blob/{V}?id={ID}",
    "/records/;/../pixstore-image/-/blob/{V}?id={ID}",
    "/records/%5c..%5c../pixstore-image/-/blob/{V}?id={ID}",
    BLOB + "/../../../records?id={ID}",
    BLOB + "/{V}/../../../../records?id={ID}",
    BLOB + "/{V}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/records?id={ID}",
    BLOB + "/{V}%2f..%2f..%2f..%2f..%2frecords?id={ID}",
    BLOB + "/..%2f..%2f..%2frecords?id={ID}",
    BLOB + "/{V};/../../../../records?id={ID}",
    BLOB + "/{V}\\..\\..\\..\\..\\records?id={ID}",
    BLOB + "/{V}/..;/..;/..;/..;/records?id={ID}",
    BLOB + "/{V}%3fid=x/../../../../records?id={ID}",
    BLOB + "/{V}%23/../../../../records?id={ID}",
    BLOB + "/{V}%00?id={ID}",
    BLOB + "/{V}%00/../../../../records?id={ID}",
    BLOB + "/{V}%0a?id={ID}",
    BLOB + "/{V}%0d%0aX-Evil:%201?id={ID}",
    BLOB + "/{V}%20HTTP/1.1%0d%0aHost:%20x%0d%0a%0d%0aGET%20/records?id={ID}",
    BLOB + "/{V} HTTP/1.1\r\nHost: x\r\n\r\nGET /records?id={ID}",
    BLOB + "/%252e%252e/%252e%252e/%252e%252e/records?id={ID}",
    BLOB + "/{V}/?id={ID}",
    BLOB + "//{V}?id={ID}",
    "/pixstore-image//-/blob/{V}?id={ID}",
    "/pixstore-image/-%2fblob%2f{V}?id={ID}",
    "/%70ixstore-image/-/blob/{V}?id={ID}",
    "/PIXSTORE-IMAGE/-/BLOB/{V}?id={ID}",
    "/pixstore-image;/-/blob/{V}?id={ID}",
    BLOB + "/{V}",
    BLOB + "/{V}?",
    BLOB + "/{V}?%69d={ID}",
    BLOB + "/{V}?id={ID}&id=other",
    BLOB + "/{V}?id=other&id={ID}",
    BLOB + "/{V}?ID={ID}",
    BLOB + "/{V}?id={ID}%26x",
    BLOB + "/{V}?id={ID}%0a",
    BLOB + "/{V}?id={ID}&x=1",
    BLOB + "/{V}?x=1&id={ID}",
    BLOB + "/{V}?id={ID}?id={ID}",
    BLOB + "/{V}?id={ID}#x",
    BLOB + "/{V}?id={ID}/../../records",
    BLOB + "/{V}#/../records?id={ID}",
    BLOB + "/{V}?id=" + "a" * 70_000,
    BLOB + "/" + "a/" * 40_000 + "?id={ID}",
    "http://cdn.example/records?id={ID}",
    "http://records/../pixstore-image/-/blob/{V}?id={ID}",
    "http://cdn.example/records/../pixstore-image/-/blob/{V}?id={ID}",
    "http://cdn.example" + BLOB + "/{V}?id={ID}",
    "//cdn.example/records?id={ID}",
    "records?id={ID}",
    "*",
    "/",
    "/save",
    "/pixstore-image/",
    "/pixstore-image/{ID}",
    "/pixstore-image/-/ready",
    "/pixstore-image/-/live",
    "/pixstore-image/-/batch",
    "/pixstore-image/-/client/index.js",
]
"""Targets with the id and the version of an image that the application has, `{ID}` and `{V}`."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hypercorn", "granian", "uvicorn"])
def test_every_server_gives_one_spelling(name: str, tmp_path: Path) -> None:
    """Under each server the ciphertext answers one path and query.

    Some servers hide from the application that a target is absolute or has a fragment.
    """
    environment = {"PIXSTORE_TEST_DB": str(tmp_path / "pixstore.db")}
    with running(name, "tests.support.edge_app:app", tmp_path, cwd=ROOT, environment=environment) as server:
        site = _site(server)
        url, port = str(site.record.ciphertext_url), int(server.url.rpartition(":")[2])
        served = {target for target in map(site.of, HOSTILE) if ask(port, target).headers.get("cache-control") == KEPT}
    assert served <= {f"{url}#x", f"http://cdn.example{url}"}


@pytest.fixture(scope="module")
def cdn(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the cache in cdn.md."""
    port = free_port()
    with running_cdn(tmp_path_factory.mktemp("cdn") / "nginx", port, site.server.url, mount="/pixstore-image"):
        yield port


def assert_only_ciphertext(site: Site, answer: Answer, said: str) -> None:
    """Assert that an answer is a refusal or the image's ciphertext, and that no other URL reached the application."""
    assert answer.status in (200, *REFUSED), (said, answer)
    assert answer.status != 200 or (answer.body, answer.headers["cache-control"]) == (site.ciphertext, KEPT), said
    assert b"statelessProof" not in answer.body, said
    assert {request["target"] for request in site.seen()} <= {site.record.ciphertext_url}, said


def test_only_ciphertext_passes_the_cache(site: Site, cdn: int) -> None:
    """A path that should lead the cache to another route is refused, or is the ciphertext under its one URL."""
    for target in HOSTILE:
        assert_only_ciphertext(site, ask(cdn, site.of(target)), target)


def test_a_prefix_would_hand_out_records(site: Site, tmp_path: Path) -> None:
    """With a prefix for the location, as the page warns, a path of two meanings gets a record: the check can fail."""
    port = free_port()
    short = re.sub(r"location ~ .* {", "location /pixstore-image/-/blob/ {", SITE).replace(
        "/pixstore-image/-/blob/$version?$args", ""
    )
    with running_cdn(tmp_path / "nginx", port, site.server.url, mount="/pixstore-image", site=short):
        answer = ask(port, site.of("/records/../pixstore-image/-/blob/x?id={ID}"))
    assert b"statelessProof" in answer.body
    assert len(site.seen()) == 1


METHODS = ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "G\tET", "PRI"]


def test_only_get_and_head_pass_the_cache(site: Site, cdn: int) -> None:
    """Any other method is refused by the cache, with a body or without; HEAD has the headers of GET."""
    for method in METHODS:
        for body in ("", "x" * 2000):
            length = f"Content-Length: {len(body)}\r\n" if body else ""
            answer = ask(cdn, str(site.record.ciphertext_url), method=method, headers=HOST + length, body=body)
            if method == "HEAD":
                assert (answer.status, answer.headers["cache-control"], answer.body) == (200, KEPT, b"")
                assert int(answer.headers["content-length"]) == len(site.ciphertext)
            else:
                assert answer.status in REFUSED, method
    assert {request["method"] for request in site.seen()} <= {"GET"}


def test_no_header_passes_the_cache(cdn: int, site: Site) -> None:
    """The application sees none of a request's headers, so that the copy in the cache is the same for everybody."""
    server, seen = site.server, set()
    for sent in (
        f"{HOST}X-Pixstore-Proof: {site.record.stateless_proof}\r\nX-Pixstore-Token: {site.record.token}\r\n",
        f"{HOST}Cookie: session=1\r\nAuthorization: Bearer x\r\nRemote-User: root\r\n",
        f"{HOST}X-Forwarded-For: 10.0.0.1\r\nX-Original-URL: /records\r\nX-HTTP-Method-Override: POST\r\n",
        f"{HOST}Range: bytes=0-1\r\nIf-None-Match: *\r\nAccept-Encoding: gzip\r\nCache-Control: no-cache\r\n",
        f"{HOST}Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Host: records\r\n",
    ):
        record = ImageRecord.parse(httpx.post(f"{server.url}/save", trust_env=False).json())
        assert ask(cdn, str(record.ciphertext_url), headers=sent).status in (200, 206, 304)
        again = ask(cdn, str(record.ciphertext_url))
        assert (again.status, again.headers["x-cache-status"]) == (200, "HIT")
        saved, fetched = site.seen()
        assert saved["method"] == "POST"
        seen |= set(fetched["headers"])
    assert seen == {"host"}
    for sent in ("", HOST + HOST, "Host: a b\r\n", "Host: a/../records\r\n", HOST + "Content-Length: x\r\n"):
        assert ask(cdn, str(site.record.ciphertext_url), headers=sent).status == 400
    assert not site.seen()


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def proxy(request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The reverse proxies of deployment.md."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "nginx":
        program = require("nginx", "nginx-light (Debian)", ROOT / ".venv" / "nginx" / "usr" / "sbin")
        with running_nginx(program, folder / "nginx", int(site.server.url.rpartition(":")[2])) as nginx:
            yield Proxy(nginx.https_port, nginx.folder / "fullchain.pem")
    else:
        program = require("haproxy", "haproxy (Debian)", Path("/usr/sbin"))
        with balancing(program, folder, [site.server, site.server]) as balancer:
            yield Proxy(int(balancer.url.rpartition(":")[2]), None)


def kind(answer: Answer) -> tuple[int, str, bool]:
    """Return the part by which the application's answers differ, because a record has another proof in each window."""
    state = answer.headers.get("x-pixstore-state", answer.headers.get("cache-control", ""))
    return answer.status, state, b"statelessProof" in answer.body


def test_a_path_means_the_same_before_and_behind_a_proxy(site: Site, proxy: Proxy) -> None:
    """A proxy that passes everything has no path of two meanings: each answer is the application's or a refusal."""
    port = int(site.server.url.rpartition(":")[2])
    for target in HOSTILE:
        answer, directly = (ask(at, site.of(target), tls=tls) for at, tls in (proxy, (port, None)))
        assert kind(answer) == kind(directly) or answer.status in REFUSED, (target, answer, directly)


METRICS = [
    "/metrics",
    "/metrics/",
    "//metrics/",
    "/%6detrics/",
    "/%6D%65trics/",
    "/x/../metrics/",
    "/x/%2e%2e/metrics/",
    "/metrics/../x",
    "/metrics/..",
    "/metrics/..?x",
    "/metrics/..#x",
    "/metrics/.%2e/x",
    "/metrics/%2e%2E/x",
    "/metrics/%2e%2e%2fx",
    "/metrics%2f../x",
    "/metrics%2F%2e./x",
    "/metrics/x/../../y",
    "/metrics/./../x",
    "/metrics//../../x",
    "/metrics;/",
    "/metrics%2f",
    "/./metrics/",
    "http://cdn.example/metrics/",
    "http://cdn.example/metrics/../x",
]
"""Targets that should get past a rule on /metrics."""


def metrics_got(port: int, certificate: Path | None) -> list[str]:
    """Return the targets that the application answers with its metrics."""
    return [target for target in METRICS if b"metrics" in ask(port, target, tls=certificate).body]


@pytest.mark.parametrize("is_whole", [True, False], ids=["the page's", "without its line"])
def test_a_closed_location_is_closed(site: Site, tmp_path: Path, is_whole: bool) -> None:
    """The address that monitoring.md closes is closed under every path; without the line against `..` it is not."""
    (closed,) = re.findall(r"`(location /metrics \{.*?\})`", (DOCS / "monitoring.md").read_text())
    configuration = NGINX_SITE.replace("    location / {", f"    {closed}\n    location / {{")
    if not is_whole:
        configuration = re.sub(r"if \(\$request_uri.*\n", "", configuration)
    program = require("nginx", "nginx-light (Debian)", ROOT / ".venv" / "nginx" / "usr" / "sbin")
    upstream = int(site.server.url.rpartition(":")[2])
    with running_nginx(program, tmp_path / "nginx", upstream, configuration) as nginx:
        certificate = nginx.folder / "fullchain.pem"
        assert bool(metrics_got(nginx.https_port, certificate)) != is_whole
        dotted = ask(nginx.https_port, site.of("/records/?id={ID}&x=/../y"), tls=certificate)
        assert b"statelessProof" in dotted.body


@pytest.mark.parametrize("is_decoded", [True, False], ids=["the page's", "without decoding"])
def test_a_path_that_haproxy_closes_is_closed(site: Site, tmp_path: Path, is_decoded: bool) -> None:
    """The rule that deployment.md names holds for every spelling of the path; `path_beg` does not."""
    (rule,) = re.findall(r"`(http-request deny .*?)`", PAGE)
    if not is_decoded:
        rule = rule.replace("path,url_dec -m beg", "path_beg")
    program = require("haproxy", "haproxy (Debian)", Path("/usr/sbin"))
    with balancing(program, tmp_path, [site.server, site.server], rule=rule) as balancer:
        assert bool(metrics_got(int(balancer.url.rpartition(":")[2]), None)) != is_decoded


SMUGGLED = "GET /records?id={ID} HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLING = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding:\x0bchunked\r\n",
    "X: x\r\n Transfer-Encoding: chunked\r\n",
    "Content-Length: 0\r\nContent-Length: 60\r\n",
    "Content-Length: +0\r\n",
    "Content-Length: 0, 0\r\n",
]


def test_no_second_request_is_smuggled(site: Site, proxy: Proxy) -> None:
    """Headers that two servers could read in two ways carry no further request past a proxy."""
    site.seen()
    for sent in SMUGGLING:
        body = f"0\r\n\r\n{site.of(SMUGGLED)}"
        answer = ask(
            proxy.port, "/pixstore-image/-/batch", method="POST", headers=HOST + sent, body=body, tls=proxy.tls
        )
        assert b"statelessProof" not in answer.body, sent
        assert not any("records" in request["target"] for request in site.seen()), sent


def test_a_proof_counts_once_and_by_its_own_name(site: Site, proxy: Proxy) -> None:
    """A proof passes under its name alone, and a repeated one is no proof."""
    record = site.record
    target = f"/pixstore-image/{record.id}"
    token = f"X-Pixstore-Token: {record.token}\r\n"
    fresh = f"{record.stateless_proof}\r\n"
    for sent, state in (
        (f"X-Pixstore-Proof: {fresh}", "Success"),
        (f"X-Pixstore-Proof: {fresh}X-Pixstore-Proof: {fresh}", "InvalidProof"),
        (f"X-Pixstore-Proof: {fresh}x-pixstore-proof: x\r\n", "InvalidProof"),
        (f"X_Pixstore_Proof: {fresh}", "MissingProof"),
        (f"X-Pixstore-Proof : {fresh}", "MissingProof"),
        (f"X: x\r\n\tX-Pixstore-Proof: {fresh}", "MissingProof"),
    ):
        answer = ask(proxy.port, target, headers=HOST + token + sent, tls=proxy.tls)
        assert answer.headers.get("x-pixstore-state") == state or answer.status in REFUSED, (sent, answer)
