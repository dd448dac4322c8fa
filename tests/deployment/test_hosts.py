"""Three hosts of two workers each on one store, behind HAProxy: restarts cost no request."""

import json
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.deployment.traffic import Traffic
from tests.support.haproxy import Balancer, balancing
from tests.support.hosts import STOPPED, Host, running_hosts
from tests.support.samples import SECRET
from tests.support.service import until
from tests.support.stores import new_place
from tests.support.tools import require

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LENGTHS = [
    pytest.param(2, 0, id="short", marks=pytest.mark.timeout(300)),
    pytest.param(6, 60, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
]


@pytest.fixture(params=["postgres+s3", pytest.param("sqlite+files", marks=pytest.mark.soak)])
def hosts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Host]]:
    place = new_place(request.param, tmp_path, request)
    assert place.blobs
    environment = {
        "PIXSTORE_TEST_DB": place.database,
        "PIXSTORE_TEST_BLOBS": place.blobs,
        "PIXSTORE_TEST_DRAIN_S": "5",
        "PIXSTORE_SECRET": SECRET,
        "PIXSTORE_TEST_WINDOW_MS": "60000",  # a record is used within it, however busy the machine is
        **place.environment,
    }
    with running_hosts(tmp_path, environment) as running:
        yield running


@pytest.fixture
def balancer(hosts: list[Host], tmp_path: Path) -> Iterator[Balancer]:
    """HAProxy before the hosts, without stickiness."""
    with balancing(require("haproxy", "haproxy (Debian)", Path("/usr/sbin")), tmp_path, hosts) as running:
        yield running


def restart(name: str, host: Host, balancer: Balancer, traffic: Traffic) -> None:
    """Stop a host gracefully, start it, and wait until HAProxy sends it requests again and it has answered."""
    up = f"Server pictures/{name} is UP"
    ups, before = balancer.log.count(up), set(traffic.processes[host.address])
    del traffic.serving[host.address]
    assert host.stop(timeout_s=60) in STOPPED, host.log
    host.start()
    until(lambda: balancer.log.count(up) > ups, balancer)
    traffic.serving[host.address] = host.url
    until(lambda: traffic.processes[host.address] - before, traffic.failed)


@pytest.mark.parametrize(("restarts", "seconds"), LENGTHS)
def test_restarts_cost_no_request(hosts: list[Host], balancer: Balancer, restarts: int, seconds: int) -> None:
    """While hosts restart in turn, no request fails, no host is behind an acknowledged update, and none is lost."""
    began = time.monotonic()
    with Traffic(balancer.url, hosts) as traffic:
        named = zip(("one", "two", "three"), hosts, strict=True)
        for name, host in islice(cycle(named), restarts):
            restart(name, host, balancer, traffic)
        until(lambda: time.monotonic() - began > seconds, "the time never passes")
    took_s = time.monotonic() - began
    traffic.check_all()
    print(json.dumps({"seconds": round(took_s, 1), "images": len(traffic.written), **traffic.done}))
    assert traffic.failed == []
    assert traffic.stale == []
    assert min(traffic.done[kind] for kind in ("saves", "updates", "reads", "looks elsewhere")) > 0
