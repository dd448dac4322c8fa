"""The descriptors, threads and connections to PostgreSQL that a process holds."""

import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.support.postgres import Cluster

_PATIENCE_S = 20
_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()"


class Held(NamedTuple):
    """descriptors: targets of open descriptors. connections: sessions of the database, as the server counts them."""

    descriptors: "Counter[str]"
    threads: frozenset[str]
    connections: int


def _held(cluster: "Cluster | None", database: str) -> Held:
    descriptors: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
        descriptors[target.partition(":[")[0]] += 1
    threads = frozenset(thread.name for thread in threading.enumerate())
    connections = int(cluster.run(_SESSIONS.format(database))) if cluster else 0
    return Held(descriptors, threads, connections)


def _left(before: Held, after: Held) -> Held:
    return Held(
        after.descriptors - before.descriptors,
        after.threads - before.threads,
        max(0, after.connections - before.connections),
    )


@contextmanager
def nothing_left(cluster: "Cluster | None" = None, database: str = "") -> Iterator[None]:
    """Fail unless all that a block takes is given back. Threads and the server may need a moment for that."""
    gc.collect()
    before = _held(cluster, database)
    yield
    until = time.monotonic() + _PATIENCE_S
    while any(left := _left(before, _held(cluster, database))) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(left), left
