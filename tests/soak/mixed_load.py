"""Mixed load on one store: traffic, and everything that befalls a site meanwhile, until the time is over."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.soak.site import Failed, Site
from tests.soak.traffic import RoughTraffic
from tests.stress.stores import left_in, store_of
from tests.support.haproxy import balancing
from tests.support.hosts import running_hosts
from tests.support.tools import require

_FAULTY = re.compile("Traceback|an image was cut off|can't be served")
_OWN_FILES = {"site.db", "site.db.lock", "bodies", "backups", "tmp", "haproxy.cfg", "haproxy.log"}


class Outcome(NamedTuple):
    """What came of it. counts: how much was done. faults: what must not have been, by its kind; none where all is
    well."""

    counts: dict[str, int]
    faults: dict[str, list[str]]


def run_mixed_load(place: str, blobs: str, folder: Path, seconds: float) -> Outcome:
    """Put a site on an empty store under load for so long, then look at the remaining images.

    place: the store's path or URL. blobs: the URL of its bucket, `bodies` in the folder, or "". folder: an empty one,
    for all files.
    """
    site = Site(place, blobs, folder)
    with _running(site, folder) as balancer:
        with RoughTraffic(balancer, site.hosts) as traffic:
            befalls = _schedule(site, seconds)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                for due in befalls:
                    due(traffic)
                time.sleep(0.1)
        traffic.check_all()
        for host in site.hosts:
            host.stop(timeout_s=60)
    left = asyncio.run(_left_after_sweep(f"{place} {blobs}".strip()))
    faults = {
        "failed": traffic.failed,
        "torn": traffic.torn,
        "stale": traffic.stale,
        "lost": traffic.lost,
        "left": [f"{number} {what}" for what, number in left.items() if number] + _strange_files(folder),
        "damaged": _faults_of(site),
        "said": [line for host in site.hosts for line in host.log.splitlines() if _FAULTY.search(line)],
    }
    counts = {"seconds": round(seconds), "images": len(traffic.written), **traffic.done, **site.done}
    return Outcome(counts, faults)


@contextmanager
def _running(site: Site, folder: Path) -> Iterator[str]:
    """Run the site's hosts and the balancer before them; yield the balancer's URL."""
    program = require("haproxy", "haproxy (Debian)", Path("/usr/sbin"))
    with (
        running_hosts(folder, site.environment, workers=1, app="tests.soak.app:app") as site.hosts,
        balancing(program, folder, site.hosts) as balancer,
    ):
        yield balancer.url


class _Due:
    """Lets something befall the site every so many seconds."""

    def __init__(self, every_s: float, befall: Callable[[RoughTraffic], None]) -> None:
        self._every_s = every_s
        self._next_s = time.monotonic() + every_s
        self._befall = befall

    def __call__(self, traffic: RoughTraffic) -> None:
        if time.monotonic() < self._next_s:
            return
        try:
            self._befall(traffic)
        except Exception as error:  # the load goes on after any error, and the report has it
            traffic.failed.append(f"{self._befall.__name__}: {error!r:.2000}")
        self._next_s = time.monotonic() + self._every_s


def _schedule(site: Site, seconds: float) -> list[_Due]:
    """Return the disturbances of a site; in a short run each happens at least once."""
    most_s = seconds / 3
    spans = [(6, site.kill), (7, site.step_clock), (20, site.rotate), (60, site.back_up), (60, site.collect)]
    return [_Due(min(every_s, most_s), befall) for every_s, befall in spans]


def _faults_of(site: Site) -> list[str]:
    try:
        site.run("verify", *site.where)
    except Failed as error:
        return [str(error)]
    return []


async def _left_after_sweep(target: str) -> dict[str, int]:
    store = store_of(target, sweeps_all=True)
    await store.open()
    while await store.sweep(limit=100):
        pass
    await store.close()
    return await left_in(target)


def _strange_files(folder: Path) -> list[str]:
    own = {*_OWN_FILES, *(f"site.db{end}" for end in ("-wal", "-shm", ".counters"))}
    left = [path for path in folder.iterdir() if path.name not in own and path.suffix not in (".log", ".clock")]
    return [f"the file {path.name}" for path in (*left, *(folder / "tmp").iterdir())]
