"""Two processes read while two others replace and sweep the same images."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pixstore_asgi.store.sqlite import SqliteStore
from tests.stress.bodies import Torn, body_of, read, save
from tests.stress.conftest import FILES
from tests.stress.processes import Worker
from tests.stress.stores import bodies_of

pytestmark = pytest.mark.slow

_SHORT_GRACE_S = 1.0
IDS = [f"image-{number}" for number in range(5)]
BODIES = [
    pytest.param(500, id="short"),
    pytest.param(20_000, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
]


def read_under_updates(
    target: str, bodies: int, *, cuts: int = 0, without_leases: bool = False, slow: bool = False
) -> Counter[str]:
    """Read so many bodies in two processes, or until each has met so many that were cut short.

    Returns how that went, and how much was replaced and swept meanwhile. slow: let each fourth client read for longer
    than the grace period, which is a second then.
    """
    opening = {"without_leases": without_leases, "grace_s": _SHORT_GRACE_S if slow else None}
    with ExitStack() as stack:
        updaters = [stack.enter_context(Worker("updater", target, ids=IDS, **opening)) for _ in range(2)]
        updaters[0].wait_for("saved")
        reading = {"bodies": bodies // 2, "cuts": cuts, "longest_s": _SHORT_GRACE_S / 2 if slow else 0.01, **opening}
        readers = [stack.enter_context(Worker("reader", target, ids=IDS, **reading)) for _ in range(2)]
        total = sum((Counter(reader.wait(1500)) for reader in readers), Counter())
        for updater in updaters:
            total.update(updater.stop())
        # By the updaters' sweeps, or by those that follow every save.
        total["swept"] = total["updates"] - asyncio.run(bodies_of(target))
        faults = [fault for worker in (*updaters, *readers) for fault in worker.told("fault")]
    print(f"\nwithout_leases={without_leases}: {dict(total)}", *faults[:3], sep="\n")
    return total


@pytest.mark.parametrize("bodies", BODIES)
def test_no_body_is_torn(target: str, bodies: int) -> None:
    """Every body is whole and of one version, also those that are replaced and swept while they are read."""
    total = read_under_updates(target, bodies)
    assert (total["Torn"], total["StoreError"], total["in_use"]) == (0, 0, 0)
    assert total["bodies"] == bodies
    assert total["replaced"] > bodies // 100
    has_leases = "://" not in target and " " not in target
    if bodies > 1000 or has_leases:  # a short run ends within the grace period that is in place of leases
        assert total["swept"] > total["updates"] // 10


@pytest.mark.parametrize("target", [FILES], indirect=True)
@pytest.mark.parametrize(
    "bodies", [pytest.param(100, id="short"), pytest.param(3_000, id="soak", marks=BODIES[1].marks)]
)
def test_a_file_stays_whole_while_it_is_removed(target: str, bodies: int) -> None:
    """Clients that take longer than the grace period read the file to its end, although a sweep has removed it."""
    total = read_under_updates(target, bodies, slow=True)
    assert (total["Torn"], total["StoreError"], total["NoSuchBody"]) == (0, 0, 0)
    assert total["bodies"] == bodies
    assert total["removed"] > bodies // 100


@pytest.mark.parametrize("target", ["sqlite"], indirect=True)
@pytest.mark.parametrize("bodies", BODIES)
def test_bodies_are_torn_without_leases_and_grace(target: str, bodies: int) -> None:
    """Where readers hold no leases and sweeps keep no grace period, the same scenario cuts bodies short.

    How many follows the updates that a busy machine has time for, so it is the cuts that are waited for.
    """
    cuts = bodies // 100
    total = read_under_updates(target, bodies * 20, cuts=cuts, without_leases=True)
    assert total["cut"] >= 2 * cuts


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chunk SET data = (SELECT data FROM chunk WHERE id = 2 << 16 | 1) WHERE id = 1 << 16 | 1",
        "UPDATE image SET sha256 = (SELECT sha256 FROM image WHERE id = 'b') WHERE id = 'a'",
        "UPDATE image SET blob = 2, sha256 = (SELECT sha256 FROM image WHERE id = 'b') WHERE id = 'a'",
    ],
    ids=["another version's chunk", "another version's meta", "another image"],
)
async def test_a_mixture_is_noticed(tmp_path: Path, damage: str) -> None:
    """The bodies that these tests write tell when parts of two of them are read as one."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    for image_id in ("a", "b"):
        await save(store, image_id, body_of(image_id, "1", 600_000))
    found = await read(store, "a")
    assert found is not None
    assert found[1] == "1"
    with closing(sqlite3.connect(store.path)) as db:
        db.execute(damage)
        db.commit()
    with pytest.raises(Torn):
        await read(store, "a")
    await store.close()
