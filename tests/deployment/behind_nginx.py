"""Two hosts behind nginx with the configuration in deployment.md, and clients that go on meanwhile."""

import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx

from pixstore_asgi import ImageRecord
from tests.deployment.in_threads import InThreads
from tests.support.hosts import STOPPED, Host
from tests.support.nginx import TWO_HOSTS, Nginx, before_hosts, running_nginx
from tests.support.paths import ROOT
from tests.support.requests import headers
from tests.support.samples import picture
from tests.support.service import until
from tests.support.tools import require

_PAUSE_S = 0.3
"""Without a pause, four clients take all processors from the hosts that restart."""


class Balanced(NamedTuple):
    """nginx before two hosts."""

    nginx: Nginx
    hosts: list[Host]


def address_of(host: Host) -> str:
    return host.url.removeprefix("http://")


def nginx_program() -> str:
    return require("nginx", "nginx-light (Debian)", ROOT / ".venv" / "nginx" / "usr" / "sbin")


@contextlib.contextmanager
def balanced(hosts: list[Host], folder: Path, *, upstream: str = TWO_HOSTS) -> Iterator[Balanced]:
    """Run nginx before these hosts until the block ends."""
    site = before_hosts(*map(address_of, hosts), upstream=upstream)
    with running_nginx(nginx_program(), folder / "nginx", None, site) as nginx:
        yield Balanced(nginx, hosts)


def paths_of(behind: Balanced, host: Host) -> dict[str, str]:
    """Return this test's texts for the pages': 10.0.0.11, and the machine itself, is this host behind this nginx."""
    folder = behind.nginx.folder
    return {
        "10.0.0.11:8000": address_of(host),
        "127.0.0.1:8000": address_of(host),
        "/etc/nginx/conf.d/pictures.conf": f"{folder}/pictures.conf",
        "/var/log/nginx/pictures.log": f"{folder}/pictures.log",
        "nginx -t -q": f"{nginx_program()} -t -q -p {folder} -e {folder}/error.log -c {folder}/nginx.conf",
        "pgrep ": f"pgrep -P {behind.nginx.process.pid} ",
    }


def handlers_of(behind: Balanced, restarted: Callable[[], None]) -> Mapping[str, Callable[[Sequence[str]], str]]:
    """Return the programs of the pages that restart a host, by this function, and reload nginx, without waiting."""

    def systemctl(arguments: Sequence[str]) -> str:
        if arguments == ["reload", "nginx"]:
            behind.nginx.process.send_signal(signal.SIGHUP)
        else:
            assert arguments == ["restart", "pictures"]
            restarted()
        return ""

    return {"systemctl": systemctl, "ssh": lambda arguments: systemctl(arguments[2:])}


class Load(InThreads):
    """Four clients that ask for records and images, and save some, until the block ends.

    uploads: whether two of them save too. keep_alive: whether a client uses its connection again. done: how often each
    kind of request went well. failed: the requests that did not.
    """

    def __init__(self, nginx: Nginx, *, uploads: bool, keep_alive: bool = True) -> None:
        self._nginx = nginx
        self._uploads = uploads
        self._keep_alive = keep_alive
        with nginx.client() as http:  # before anything restarts: nginx repeats no upload
            saved = [http.post("/images", content=picture()).raise_for_status().json() for _ in range(4)]
        super().__init__([partial(self._run, number, ImageRecord.parse(each)) for number, each in enumerate(saved)])
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []

    def go_on(self, requests: int) -> None:
        """Wait until so many further requests have ended."""
        wanted = self.ended + requests
        until(lambda: self.ended >= wanted, self.failed)

    @property
    def ended(self) -> int:
        return self.done.total() + len(self.failed)

    def _run(self, number: int, record: ImageRecord) -> None:
        with contextlib.ExitStack() as stack:
            http = stack.enter_context(self._nginx.client())
            if not self._keep_alive:
                http.headers["connection"] = "close"
            while not self._ends.wait(_PAUSE_S):
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
