"""deployment.md and choosing-a-store.md: two hosts behind nginx with the pages' configuration restart under load."""

import contextlib
import re
import socket
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from pixstore_asgi import ImageRecord
from tests.deployment.in_threads import InThreads
from tests.support.hosts import STOPPED, Host, running_hosts
from tests.support.nginx import PAGE, SITE, Nginx, running_nginx
from tests.support.paths import DOCS, ROOT
from tests.support.requests import headers
from tests.support.samples import OTHER_SECRET, SECRET, picture
from tests.support.service import until
from tests.support.tools import require

pytestmark = [pytest.mark.servers, pytest.mark.slow]

(UPSTREAM,) = re.findall(r"```nginx\n(.*?)```", (DOCS / "choosing-a-store.md").read_text(), re.DOTALL)
NEW_SECRET = OTHER_SECRET
ROTATION = [f"{NEW_SECRET} {SECRET}", f"{SECRET} {NEW_SECRET}"]
"""PIXSTORE_SECRET of steps 2 and 3 in configuration.md."""

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


class Balanced(NamedTuple):
    """nginx before two hosts."""

    nginx: Nginx
    hosts: list[Host]

    def configure(self, site: str) -> None:
        """Replace nginx's configuration, and wait until the workers with the old one are gone."""
        (self.nginx.folder / "pictures.conf").write_text(site)
        before = self.nginx.workers
        self.nginx.reload()
        until(lambda: not before & self.nginx.workers, self.nginx)


def upstream_of(*addresses: str, text: str = UPSTREAM) -> str:
    """Return the page's upstream with other addresses."""
    for number, address in enumerate(addresses, 1):
        assert text.count(f"10.0.0.1{number}:8000") == 1
        text = text.replace(f"10.0.0.1{number}:8000", address)
    return text


def address_of(host: Host) -> str:
    return host.url.removeprefix("http://")


@contextlib.contextmanager
def balanced(hosts: list[Host], folder: Path, *, upstream: str = UPSTREAM) -> Iterator[Balanced]:
    program = require("nginx", "nginx-light (Debian)", ROOT / ".venv" / "nginx" / "usr" / "sbin")
    site = upstream_of(*map(address_of, hosts), text=upstream) + SITE
    with running_nginx(program, folder / "nginx", "pictures", site) as nginx:
        yield Balanced(nginx, hosts)


class Load(InThreads):
    """Four clients that ask for records and images, and save some, until the block ends.

    uploads: whether two of them save too. keep_alive: whether a client uses its connection again. done: how often each
    kind of request went well. failed: the requests that did not.
    """

    def __init__(self, nginx: Nginx, *, uploads: bool, keep_alive: bool = True) -> None:
        self._nginx = nginx
        self._uploads = uploads
        self._keep_alive = keep_alive
        super().__init__([partial(self._run, number) for number in range(4)])
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []

    def go_on(self, requests: int) -> None:
        """Wait until so many further requests have ended."""
        wanted = self.ended + requests
        until(lambda: self.ended >= wanted, self.failed)

    @property
    def ended(self) -> int:
        return self.done.total() + len(self.failed)

    def _run(self, number: int) -> None:
        with contextlib.ExitStack() as stack:
            http = stack.enter_context(self._nginx.client())
            if not self._keep_alive:
                http.headers["connection"] = "close"
            record = ImageRecord.parse(http.post("/images", content=picture()).raise_for_status().json())
            while not self._ends.wait(0.01):
                if answer := self._ask(http, "GET", f"/images/{record.id}"):
                    record = ImageRecord.parse(answer.json())
                image = self._ask(http, "GET", f"/pixstore-image/{record.id}", headers=headers(record))
                if image and image.headers["x-pixstore-state"] != "Success":
                    self.failed.append(f"an image was answered with {image.headers['x-pixstore-state']}")
                if self._uploads and number % 2:
                    self._ask(http, "POST", "/images", content=picture())

    def _ask(self, http: httpx.Client, method: str, path: str, **request: object) -> httpx.Response | None:
        try:
            answer = http.request(method, path, **request).raise_for_status()  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            self.failed.append(f"{method}: {type(error).__name__} {error}".partition(" for url")[0])
            return None
        self.done[method] += 1
        return answer


def restart(host: Host) -> None:
    assert host.stop(timeout_s=60) in STOPPED, host.log
    host.start()
    host.wait_until_ready()


def restart_taken_out(behind: Balanced, host: Host) -> None:
    """Restart a host by the page's steps."""
    assert "`server 10.0.0.11:8000 max_fails=0 down;`" in PAGE
    site = (behind.nginx.folder / "pictures.conf").read_text()
    server = f"server {address_of(host)} max_fails=0"
    assert site.count(f"{server};") == 1
    behind.configure(site.replace(f"{server};", f"{server} down;"))
    restart(host)
    behind.configure(site)


@pytest.mark.parametrize("rounds", LENGTHS)
def test_a_rotation_loses_no_read(hosts: list[Host], tmp_path: Path, rounds: int) -> None:
    """While both hosts get a new secret, one after the other, no request for a record or an image fails."""
    with balanced(hosts, tmp_path) as behind, Load(behind.nginx, uploads=False) as load:
        for number in range(rounds):
            for host in hosts:
                host.environment["PIXSTORE_SECRET"] = ROTATION[number % 2]
                restart(host)
        load.go_on(300)
    print(load.done)
    assert load.failed == []
    assert load.done.total() >= 300 * rounds


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
                restart_taken_out(behind, host)
        load.go_on(100)
    print(load.done)
    assert load.failed == []
    assert load.done["POST"] > 10


def test_without_max_fails_requests_are_lost(hosts: list[Host], tmp_path: Path) -> None:
    """A host that has restarted gets no request while the other one restarts: the check can fail."""
    upstream = UPSTREAM.replace(" max_fails=0", "")
    with balanced(hosts, tmp_path, upstream=upstream) as behind, Load(behind.nginx, uploads=False) as load:
        load.go_on(20)
        for host in hosts:
            restart(host)
    assert any("502" in failure for failure in load.failed)


def test_a_host_that_is_gone_is_passed_over(hosts: list[Host], tmp_path: Path) -> None:
    """A host that takes no connection and refuses none costs a request two seconds, not a minute."""
    with contextlib.ExitStack() as stack:
        gone = stack.enter_context(socket.create_server(("127.0.0.9", 0), backlog=0))
        for _ in range(3):  # more than its queue takes: the kernel drops further connections
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(gone.getsockname())
        site = upstream_of(f"127.0.0.9:{gone.getsockname()[1]}", address_of(hosts[1])) + SITE
        program = require("nginx", "nginx-light (Debian)", ROOT / ".venv" / "nginx" / "usr" / "sbin")
        nginx = stack.enter_context(running_nginx(program, tmp_path / "nginx", "pictures", site))
        with nginx.client() as http:
            assert [http.get("/pixstore-image/-/live").status_code for _ in range(2)] == [200, 200]
        assert "upstream timed out" in nginx.errors
