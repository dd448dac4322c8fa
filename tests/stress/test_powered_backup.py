"""The backup of a store with a folder after a power failure: it is the earlier one or the new one, and complete.

See test_power_failure.py for the simulated disk.
"""

import asyncio
import pickle
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pixstore_asgi.errors import StoreError
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.sqlite import SqliteStore
from tests.stress.bodies import Torn, read
from tests.stress.disk import KEPT, Disk, Step
from tests.stress.powered_backup import FOLDER
from tests.stress.test_power_failure import cuts_in
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

LENGTHS = [
    pytest.param(3, 20, id="short"),
    pytest.param(20, 1000, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
]


def record(folder: Path, backups: int) -> list[Step]:
    """Let a process back up a store, and return its calls."""
    for name in (f"root/{FOLDER}", "live/rows", "live/disk"):
        (folder / name).mkdir(parents=True)
    arguments = [str(folder / "root"), str(backups), str(folder / "steps")]
    subprocess.run([sys.executable, "-m", "tests.stress.powered_backup", *arguments], cwd=ROOT, check=True)
    steps: list[Step] = pickle.loads((folder / "steps").read_bytes())  # noqa: S301 - our own process wrote it
    return steps


async def images_in(disk: Path) -> dict[str, str]:
    """Return the versions in a backup by id. Each image must be whole."""
    store = SqliteStore(disk / "images.db", bodies=BodyFolder(disk / "bodies"), sweeps_at_close=False)
    await store.open()
    try:
        images = await store.list()
        for image in images:
            assert await read(store, image.id)
    finally:
        await store.close()
    return {image.id: image.meta.version.hex() for image in images}


def check(disk: Path, steps: Sequence[Step]) -> None:
    """Raise an error unless the backup is the last one that had ended, or the one that had begun then."""
    told = [step[1] for step in steps if step[0] == "told"]
    begun = [report["begins"] for report in told if "begins" in report]
    ended = sum("done" in report for report in told)
    if ended or (disk / "images.db").exists():
        assert asyncio.run(images_in(disk)) in begun[max(ended - 1, 0) :]


@pytest.mark.parametrize(("backups", "cuts"), LENGTHS)
def test_a_power_failure_leaves_a_complete_backup(tmp_path: Path, backups: int, cuts: int) -> None:
    """At any call. No sync is missing between the files, the rows and the removal of older files."""
    steps, seed = record(tmp_path, backups), random.randrange(1 << 32)
    chance, disk, done, faults = random.Random(seed), Disk([FOLDER]), 0, []
    for number, cut in enumerate(cuts_in(steps, cuts, chance)):
        for step in steps[done:cut]:
            disk.do(step)
        done, place = cut, tmp_path / f"after-{number}"
        disk.write_to(place, chance, chance.choice((*KEPT, None, None, None)))
        try:
            check(place / FOLDER, steps[:cut])
        except (AssertionError, StoreError, Torn) as fault:
            faults.append(f"{place}, cut {cut} of {len(steps)} after {steps[cut - 1][:2]}: {fault!r}")
    print(f"\nseed {seed}: {cuts} power failures among {len(steps)} calls, {len(faults)} with faults")
    assert faults == []
