"""Backups of a store with a folder that other processes write to and sweep, and backups that are killed."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.keys.find import find_ring
from pixstore_asgi.upkeep.verify import verify_images
from tests.demo.process import run
from tests.stress.processes import Worker
from tests.stress.stores import store_of
from tests.support.samples import SECRET
from tests.support.service import until
from tests.support.stores import new_place

pytestmark = pytest.mark.slow

FEW, RUNS, IMAGES = 3, 10, 20
KILLS = [
    pytest.param(FEW, id="short"),
    pytest.param(50, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
]
KINDS = ["sqlite", "sqlite+files", "postgres", "postgres+s3"]


@pytest.fixture
def live(tmp_path: Path) -> str:
    return f"{tmp_path}/live.db {tmp_path}/live"


@contextmanager
def changing(live: str) -> Iterator[None]:
    """Let two processes change a store, and another one sweep it, until the block ends."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Worker("picturer", live, images=IMAGES)),
            stack.enter_context(Worker("picturer", live, images=IMAGES)),
            stack.enter_context(Worker("sweeper", live, grace_s=3)),
        ]
        until(lambda: len(workers[0].told("changed")) >= IMAGES, "that there are images")
        yield
        for worker in workers:
            worker.stop()


def options(target: str, option: str, blobs: str) -> list[str]:
    place, folder = target.split(" ")
    return [option, place, blobs, folder]


def back_up(live: str, backup: str) -> None:
    done = run("backup", *options(live, "--database", "--blobs"), *options(backup, "--to", "--to-blobs"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def verify(*where: str) -> None:
    done = run("verify", *where, secret=SECRET)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["all is well"]), done.stdout


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_of_a_busy_store_is_whole(
    live: str, tmp_path: Path, request: pytest.FixtureRequest, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each backup verifies while the store goes on, and the last one does so where it is restored."""
    backup = f"{tmp_path}/backup.db {tmp_path}/backup"
    with changing(live):
        for _ in range(RUNS):
            back_up(live, backup)
            verify(*options(backup, "--database", "--blobs"))
    (folder := tmp_path / "restored").mkdir()
    place = new_place(kind, folder, request)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    target = ["--database", place.database, *(["--blobs", place.blobs] if place.blobs else [])]
    done = run("restore", *options(backup, "--from", "--from-blobs"), *target)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    verify(*target)


async def read_all(target: str) -> int:
    """Return the number of images of a store. All of them must be whole."""
    store = store_of(target)
    store._sweeps_at_close = False
    await store.open()
    try:
        readings = [reading async for reading in verify_images(store, await find_ring(store, KeyRing(SECRET)))]
    finally:
        await store.close()
    assert [reading.fault for reading in readings if reading.fault] == []
    return len(readings)


def kill_one(live: str, backup: str, longest_s: float) -> tuple[bool, int]:
    """Begin a backup and kill it. Return whether it had ended, and the number of its steps."""
    with Worker("backer", live, into=backup) as worker:
        worker.wait_for("ready")
        time.sleep(random.uniform(0, longest_s))
        worker.end()
    return bool(worker.told("done")), len(worker.told("step"))


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_backup_leaves_the_earlier_one(live: str, tmp_path: Path, kills: int) -> None:
    """At any moment. The next run is complete, and nothing is left of the killed ones."""
    backup, found = f"{tmp_path}/backup.db {tmp_path}/backup", []
    with ExitStack() as stack:
        if kills > FEW:
            stack.enter_context(changing(live))
        else:  # the machine has other tests to run
            with changing(live):
                pass
        with Worker("backer", live, into=backup) as worker:
            worker.wait_for("ready")
            begun_s = time.monotonic()
            worker.wait_for("done")
        longest_s = time.monotonic() - begun_s
        for _ in range(kills):
            killed = kill_one(live, backup, longest_s)
            found.append((*killed, asyncio.run(read_all(backup))))
        back_up(live, backup)
    verify(*options(backup, "--database", "--blobs"))
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]
    print(f"\n{kills} kills: (had ended, steps, images in the backup then): {found}")
