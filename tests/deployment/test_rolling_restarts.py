"""rolling-restarts.md: two hosts behind nginx restart under load, by the page's own steps."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from pixstore_asgi import ImageRecord
from pixstore_asgi.testing import SealedPage
from tests.deployment.behind_nginx import (
    Balanced,
    Load,
    address_of,
    balanced,
    handlers_of,
    nginx_program,
    paths_of,
    restart,
)
from tests.support.console import Shell, Step, section_of, steps_of
from tests.support.hosts import Host, running_hosts
from tests.support.nginx import SITE, TWO_HOSTS, before_hosts, running_nginx
from tests.support.paths import DOCS
from tests.support.requests import headers
from tests.support.samples import SECRET, large_png

pytestmark = [pytest.mark.servers, pytest.mark.slow]

PAGE = (DOCS / "rolling-restarts.md").read_text()
LENGTHS = [
    pytest.param(1, id="short", marks=pytest.mark.timeout(120)),
    pytest.param(8, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    folder = tmp_path_factory.mktemp("hosts")
    environment = {"PIXSTORE_TEST_DB": str(folder / "pixstore.db"), "PIXSTORE_SECRET": SECRET}
    with running_hosts(folder, environment, number=2, workers=1) as running:
        yield running


@contextlib.contextmanager
def shell(behind: Balanced, host: Host) -> Iterator[Shell]:
    """Run a shell in which 10.0.0.11, and the machine itself, is this host behind this nginx."""
    handlers = handlers_of(behind, lambda: restart(host))
    with Shell(behind.nginx.folder, environment={}, instead=paths_of(behind, host), handlers=handlers) as running:
        yield running


def waiting_for_ready() -> Step:
    """Return the page's command that waits until a host is ready."""
    _, wait = steps_of(section_of(PAGE, "Restart each host"))
    return wait


def failed_by_the_log(behind: Balanced) -> str:
    """Return the number of failed requests that the page's last command prints."""
    (check,) = steps_of(section_of(PAGE, "Check it"))
    with shell(behind, behind.hosts[0]) as running:
        code, printed = running.run(check.command)
    assert code == 0
    assert check.output == "0\n"
    return printed.strip()


@pytest.mark.parametrize("rounds", LENGTHS)
def test_restarts_lose_no_read(hosts: list[Host], tmp_path: Path, rounds: int) -> None:
    """While both hosts restart, one after the other, no request for a record or an image fails."""
    with balanced(hosts, tmp_path) as behind, Load(behind.nginx, uploads=False) as load:
        for _ in range(rounds):
            for host in hosts:
                with shell(behind, host) as running:
                    running.follow(section_of(PAGE, "Restart each host"))
        load.go_on(100)
    print(load.done)
    assert load.failed == []
    assert load.done.total() >= 100 * rounds
    assert failed_by_the_log(behind) == "0"
    assert "connect() failed" in behind.nginx.errors  # as the page says, and no request has failed


@pytest.mark.parametrize("rounds", LENGTHS)
def test_no_upload_is_lost(hosts: list[Host], tmp_path: Path, rounds: int) -> None:
    """By the page's steps, which take a host out of the upstream before it restarts, uploads come through as well."""
    with (
        balanced(hosts, tmp_path) as behind,
        # nginx's reload closes idle connections: a browser would ask again on another one.
        Load(behind.nginx, uploads=True, keep_alive=False) as load,
    ):
        for _ in range(rounds):
            for host in hosts:
                with shell(behind, host) as running:
                    running.follow(section_of(PAGE, "Take each host out of nginx first"))
        load.go_on(100)
    print(load.done)
    assert load.failed == []
    assert load.done["POST"] > 10
    assert failed_by_the_log(behind) == "0"


def test_nginx_is_waited_for_until_a_download_has_ended(hosts: list[Host], tmp_path: Path) -> None:
    """The page's loop sees the old workers, although nginx marks them late, and ends with the last download."""
    _, reload, wait, *_ = steps_of(section_of(PAGE, "Take each host out of nginx first"))
    with balanced(hosts, tmp_path) as behind, shell(behind, hosts[0]) as running, behind.nginx.client() as http:
        record = ImageRecord.parse(http.post("/images", content=large_png(16 * 1024 * 1024)).raise_for_status().json())
        waiting = threading.Thread(target=running.do, args=[wait])
        with http.stream("GET", f"/pixstore-image/{record.id}", headers=headers(record)) as download:
            running.do(reload)
            waiting.start()
            waiting.join(4)
            assert waiting.is_alive()
            download.read()
        http.close()
        waiting.join(20)
        assert not waiting.is_alive()


@pytest.mark.parametrize("is_listening", [False, True], ids=["no server", "a server that never answers"])
def test_the_wait_for_a_host_ends(tmp_path: Path, is_listening: bool) -> None:
    """If a host does not get ready, the page's command says so after its retries."""
    wait = waiting_for_ready()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if is_listening:
            server.listen()
        instead = {"127.0.0.1:8000": f"127.0.0.1:{server.getsockname()[1]}", "--retry 60": "--retry 2", "-m 5": "-m 1"}
        assert all(text in wait.command for text in instead)
        started = time.monotonic()
        with Shell(tmp_path, environment={}, instead=instead) as running:
            code, printed = running.run(wait.command)
        assert (code, printed.strip()) == (0, "NOT READY")
        assert time.monotonic() - started > 2


def test_without_max_fails_requests_are_lost(hosts: list[Host], tmp_path: Path) -> None:
    """A host that has restarted gets no request while the other one restarts: the check can fail."""
    upstream = TWO_HOSTS.replace(" max_fails=0", "")
    with balanced(hosts, tmp_path, upstream=upstream) as behind, Load(behind.nginx, uploads=False) as load:
        load.go_on(20)
        for host in hosts:
            restart(host)
            host.wait_until_ready()
    print(f"{len(load.failed)} of {load.ended} failed")
    assert any("502" in failure for failure in load.failed)
    assert int(failed_by_the_log(behind)) > 0


class Asked(BaseHTTPRequestHandler):
    """A host that notes the headers of its requests."""

    headers_seen: ClassVar[list[Message]] = []

    def do_GET(self) -> None:
        self.headers_seen.append(self.headers)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.mark.parametrize("removes", [True, False])
def test_nginx_removes_the_header_of_sealed_records(tmp_path: Path, removes: bool) -> None:
    """With the page's line no host gets the header. Without it each does, by the configuration of deployment.md."""
    (line,) = re.findall(r"`(proxy_set_header Pixstore-Recipient .*?;)`", PAGE)
    after = "proxy_set_header Host $host;"
    site = SITE.replace(after, f"{after} {line}") if removes else SITE
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Asked) as host,
        running_nginx(nginx_program(), tmp_path / "nginx", host.server_port, site) as nginx,
        nginx.client() as http,
    ):
        threading.Thread(target=host.serve_forever).start()
        try:
            assert http.get("/api/records", headers=SealedPage().headers).status_code == 204
        finally:
            host.shutdown()
    assert ("pixstore-recipient" in Asked.headers_seen.pop()) is not removes


def test_a_host_that_is_gone_is_passed_over(hosts: list[Host], tmp_path: Path) -> None:
    """A host that takes no connection and refuses none costs a request two seconds, not a minute."""
    with contextlib.ExitStack() as stack:
        gone = stack.enter_context(socket.create_server(("127.0.0.9", 0), backlog=0))
        for _ in range(3):  # more than its queue takes: the kernel drops further connections
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(gone.getsockname())
        site = before_hosts(f"127.0.0.9:{gone.getsockname()[1]}", address_of(hosts[1]))
        nginx = stack.enter_context(running_nginx(nginx_program(), tmp_path / "nginx", None, site))
        with nginx.client() as http:
            assert [http.get("/pixstore-image/-/live").status_code for _ in range(2)] == [200, 200]
        assert "upstream timed out" in nginx.errors
