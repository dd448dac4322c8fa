"""A store with files after a power failure: nothing is lost that was there before, and no image is without its body.

A process records each call that changes a file: Python's, and those of SQLite by a VFS of its own. From the calls
before a random cut, these tests make the files that a disk may hold afterwards, and open a store on them. A write or a
new length is there for certain after a sync of its file, and a name after a sync of its folder. A sync covers the calls
that ended before it began. Of all others, each one is there, is lost, or, if it is a write, has arrived in parts: up to
some sector, some of its pages, or its length alone. Their order does not matter. In some cases one file or folder keeps
all of its calls while another one keeps none.

This shows that the store and SQLite sync the right files and folders in the right order. It does not show that the
kernel, the file system and the disk keep what they report as synced. A rename happens completely or not at all. The
index and the lock file are always lost. Only one process writes.
"""

import asyncio
import math
import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pixstore_asgi.errors import StoreError
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.tables import gc
from tests.stress.bodies import Torn, body_of, read, save
from tests.stress.disk import KEPT, Disk, Step
from tests.stress.powered import FOLDERS, SMALLEST_BYTES, store_at
from tests.stress.stores import left_in
from tests.stress.test_kill import History
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

_TURNS = {"sync", "syncdir", "name", "rename", "unname"}
LENGTHS = [
    pytest.param(60, 40, id="short"),
    pytest.param(900, 2000, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
]


@pytest.fixture(autouse=True)
def no_gc_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """These stores have no grace period, so gc beside an upload would remove it. Only `sweep` runs gc."""
    monkeypatch.setattr(gc, "_EVERY_S", math.inf)


def record(folder: Path, durability: str, writes: int) -> list[Step]:
    """Let a process write to a store, and return its calls."""
    for name in FOLDERS:
        (folder / "root" / name).mkdir(parents=True)
    arguments = [str(folder / "root"), durability, str(writes), str(folder / "steps")]
    subprocess.run([sys.executable, "-m", "tests.stress.powered", *arguments], cwd=ROOT, check=True)
    steps: list[Step] = pickle.loads((folder / "steps").read_bytes())  # noqa: S301 - our own process wrote it
    return steps


def cuts_in(steps: Sequence[Step], cuts: int, chance: random.Random) -> list[int]:
    """Return random moments, half of them after a sync or the change of a file's name."""
    turns = [number for number, step in enumerate(steps, 1) if step[0] in _TURNS]
    return sorted(chance.choice((range(len(steps) + 1), turns)[number % 2]) for number in range(cuts))


def database_files(steps: Sequence[Step]) -> frozenset[int]:
    """Return the numbers of the files of SQLite."""
    return frozenset(step[2] for step in steps if step[0] == "name" and step[1].startswith("rows/"))


def history_of(steps: Sequence[Step], durability: str) -> History:
    """Return what must be there after these steps: with "FULL" all that was acknowledged, else all that was before the
    last sync of the database.
    """
    certain = len(steps)
    if durability != "FULL":
        ours, begun = database_files(steps), {step[1]: n for n, step in enumerate(steps) if step[0] == "begin"}
        certain = max((begun[step[2]] for step in steps if step[0] == "sync" and step[1] in ours), default=0)
    told = [(number, step[1]) for number, step in enumerate(steps) if step[0] == "told"]
    return History([report for number, report in told if number < certain or {"saving", "deleting"} & set(report)])


async def sweep_all(store: SqliteStore) -> None:
    """Save and delete one more image, then remove all that is left over."""
    await save(store, "last", body_of("last", "", SMALLEST_BYTES))
    await store.delete("last")
    await asyncio.sleep(0.01)  # gc removes a body in a later millisecond than that of its deletion
    while await store.sweep():
        pass


async def check(place: Path, history: History) -> None:
    """Read all images of a store after a power failure, write to it, and sweep. Raises if one of them fails."""
    store = store_at(place, "NORMAL")
    await store.open()
    try:
        for image_id in {*history.begun, *(image.id for image in await store.list(limit=100_000))}:
            found = await read(store, image_id)
            image, label = found or (None, None)
            history.check(image_id, image.token if image else None, label)
        await sweep_all(store)
    finally:
        await store.close()
    left = await left_in(f"{place}/rows/images.db {place}/disk/bodies {SMALLEST_BYTES}")
    assert left == dict.fromkeys(left, 0), {kind: count for kind, count in left.items() if count}


def fail_at(
    folder: Path, steps: Sequence[Step], durability: str, cuts: Sequence[int], chance: random.Random
) -> Iterator[str]:
    """Let the power fail at each cut. Yield the faults of the stores that are left."""
    disk, done = Disk(FOLDERS), 0
    for number, cut in enumerate(cuts):
        for step in steps[done:cut]:
            disk.do(step)
        done = cut
        place, kept = folder / f"after-{number}", chance.choice((*KEPT, None, None, None))
        disk.write_to(place, chance, kept)
        try:
            asyncio.run(check(place, history_of(steps[:cut], durability)))
        except (AssertionError, StoreError, Torn) as fault:
            yield f"{place}, cut {cut} of {len(steps)} after {steps[cut - 1][:2]}, kept {kept}: {fault!r}"
        else:
            shutil.rmtree(place)


@pytest.mark.parametrize("durability", ["NORMAL", "FULL"])
@pytest.mark.parametrize(("writes", "cuts"), LENGTHS)
def test_a_power_failure_takes_nothing_that_was_there(tmp_path: Path, durability: str, writes: int, cuts: int) -> None:
    """The store opens, reads each image that is certain, reads all others whole, and gc leaves no file.

    With "FULL" all that was acknowledged is certain, else all that was before the last sync of the database.
    """
    steps, seed = record(tmp_path, durability, writes), random.randrange(1 << 32)
    chance = random.Random(seed)
    faults = list(fail_at(tmp_path, steps, durability, cuts_in(steps, cuts, chance), chance))
    print(f"\n{durability}, seed {seed}: {cuts} power failures among {len(steps)} calls, {len(faults)} with faults")
    assert faults == []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_power_failure_keeps_the_folder_of_a_database_with_a_new_id(tmp_path: Path) -> None:
    """The database opens with its folder, although it may have its old id again."""
    steps, chance = record(tmp_path, "NORMAL", 12), random.Random(1)
    begun = next(number for number, step in enumerate(steps) if step[1] == {"separating": True})
    cuts = [cut for cut in range(begun, len(steps) + 1) for _ in range(10)]
    faults = list(fail_at(tmp_path, steps, "NORMAL", cuts, chance))
    print(f"\n{len(cuts)} power failures, {len(faults)} with faults")
    assert faults == []


@pytest.mark.parametrize(
    ("durability", "lost", "noticed"),
    [
        pytest.param("FULL", "files", "has another length", id="files", marks=pytest.mark.soak),
        pytest.param("FULL", "disk/bodies/??", "is missing", id="names of files"),
        pytest.param(
            "FULL", "disk/bodies", "is not the one of this database", id="the folder's list", marks=pytest.mark.soak
        ),
        pytest.param("FULL", "disk", "is missing, but this database", id="the folder's name", marks=pytest.mark.soak),
        pytest.param("careless", "", "is missing", id="removed too early", marks=pytest.mark.soak),
        pytest.param("careless", "", "files of no image", id="written too early", marks=pytest.mark.soak),
    ],
)
@pytest.mark.timeout(600)
def test_carelessness_is_noticed(tmp_path: Path, durability: str, lost: str, noticed: str) -> None:
    """These tests find a store that leaves out one kind of sync, or they would prove nothing."""
    # An unsynced log matters only beside a slow backup. Without a folder's syncs, one cut in three finds a lost body.
    writes, cuts = (400, 2000) if durability == "careless" else (120, 200)
    steps, chance = record(tmp_path, durability, writes), random.Random(1)
    ours = database_files(steps)

    def is_left_out(step: Step) -> bool:
        if lost == "files":
            return step[0] == "sync" and step[1] not in ours
        return step[0] == "syncdir" and fnmatch(step[1], lost)

    steps = [step for step in steps if not is_left_out(step)]
    faults = fail_at(tmp_path, steps, durability, cuts_in(steps, cuts, chance), chance)
    assert any(noticed in fault for fault in faults)
