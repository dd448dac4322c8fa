"""deployment.md: a server is stopped behind its load balancer, HAProxy with the page's configuration, under load."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import ImageRecord, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.deployment.in_threads import InThreads
from tests.support.haproxy import Balancer, balancing
from tests.support.paths import ROOT
from tests.support.requests import headers, image_of, save, url_of
from tests.support.samples import large_png, picture
from tests.support.servers import Server, running
from tests.support.service import until
from tests.support.tools import require

pytestmark = pytest.mark.servers

READY = "/pixstore-image/-/ready"
STOPPED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.fixture(scope="module")
def haproxy_path() -> str:
    return require("haproxy", "haproxy (Debian)", Path("/usr/sbin"))


@contextlib.contextmanager
def two_servers(folder: Path, app: str) -> Iterator[tuple[Server, Server]]:
    """Run one uvicorn with two workers and one with one, on one database."""
    environment = {"PIXSTORE_TEST_DB": str(folder / "pixstore.db")}
    with contextlib.ExitStack() as stack:

        def serve(name: str, workers: int) -> Server:
            (folder / name).mkdir()
            target = f"tests.support.server_app:{app}"
            return stack.enter_context(
                running("uvicorn", target, folder / name, cwd=ROOT, environment=environment, workers=workers)
            )

        yield serve("one", 2), serve("two", 1)


class Load(InThreads):
    """Clients that save images and fetch them. done: how often this succeeded. failed: the failures."""

    def __init__(self, url: str) -> None:
        self._url = url
        super().__init__([self._run] * 4)
        self.done = 0
        self.failed: list[str] = []

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as http:
            while not self._ends.wait(0.05):
                try:
                    record = ImageRecord.parse(http.post("/save").raise_for_status().json())
                    path = f"/pixstore-image/{record.id.replace(':', '%3A')}"
                    answer = http.get(path, headers=headers(record)).raise_for_status()
                    assert decode_payload(answer.content).ciphertext
                except (httpx.HTTPError, ValueError, AssertionError) as error:
                    self.failed.append(type(error).__name__ + f": {error}".partition("for url")[0])
                else:
                    self.done += 1


def went_on(load: Load) -> Callable[[], bool]:
    """Return a function that checks whether fifty further images succeeded."""
    wanted = load.done + 50
    return lambda: load.done >= wanted


def is_out(balancer: Balancer) -> bool:
    return "Server pictures/one is DOWN" in balancer.log


def test_a_stop_loses_no_request(haproxy_path: str, tmp_path: Path) -> None:
    """After SIGTERM under load the server tells HAProxy, answers more requests, ends its streams whole, and exits."""
    with (
        two_servers(tmp_path, "drained") as (one, two),
        balancing(haproxy_path, tmp_path, [one, two]) as balancer,
        Load(balancer.url) as load,
        httpx.Client(timeout=30, trust_env=False) as http,
    ):
        until(went_on(load), balancer.log)
        large = save(one, size=32 * 1024 * 1024)
        with http.stream("GET", url_of(one, large), headers=headers(large)) as response:
            pieces = response.iter_raw()
            body = next(pieces)
            one.process.send_signal(signal.SIGTERM)
            until(lambda: httpx.get(one.url + READY).json() == {"ready": False, "reason": "draining"}, one)
            assert image_of(one, save(one)) == picture()
            until(lambda: is_out(balancer), balancer)
            until(lambda: "Waiting for connections to close" in one.log, one)
            body += b"".join(pieces)
        assert one.process.wait(20) in STOPPED
        until(went_on(load), balancer.log)
    sealed = decode_payload(body).ciphertext
    assert unseal(key=large.key, iv=large.iv, tag=large.tag, ciphertext=sealed)[1] == large_png(32 * 1024 * 1024)
    assert load.failed == []
    assert "Traceback" not in one.log


def test_without_the_drain_a_stop_loses_requests(haproxy_path: str, tmp_path: Path) -> None:
    """Without `drain_s` requests fail that HAProxy sends to a server that has gone: the check can fail."""
    with (
        two_servers(tmp_path, "wrapped") as (one, two),
        balancing(haproxy_path, tmp_path, [one, two]) as balancer,
        Load(balancer.url) as load,
    ):
        until(went_on(load), balancer.log)
        assert one.stop() in STOPPED
        until(lambda: any("503" in failure for failure in load.failed), load.failed)
