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


async def read_all(target: str, *, removes_orphans: bool = False) -> dict[str, bytes]:
    """Return the versions of all images of a store by id. All of them must be whole."""
    store = store_of(target, sweeps_all=True)
    store._sweeps_at_close = False
    await store.open()
    try:
        readings = [reading async for reading in verify_images(store, await find_ring(store, KeyRing(SECRET)))]
        images = await store.list(limit=1000)
        if removes_orphans:
            await store.adopt_orphans()
            await store.sweep(limit=1000)
    finally:
        await store.close()
    assert [reading.fault for reading in readings if reading.fault] == []
    return {image.id: image.meta.version for image in images}


def duration_of(role: str, target: str, into: str) -> float:
    """Let a process do its work, and return how long that takes."""
    with Worker(role, target, into=into) as worker:
        worker.wait_for("ready")
        begun_s = time.monotonic()
        worker.wait_for("done")
        return time.monotonic() - begun_s


def kill_one(role: str, target: str, into: str, longest_s: float) -> tuple[bool, int]:
    """Begin a backup or a restore and kill it. Return whether it had ended, and the number of its steps."""
    with Worker(role, target, into=into) as worker:
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
        longest_s = duration_of("backer", live, backup)
        for _ in range(kills):
            killed = kill_one("backer", live, backup, longest_s)
            found.append((*killed, len(asyncio.run(read_all(backup)))))
        back_up(live, backup)
    verify(*options(backup, "--database", "--blobs"))
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]
    print(f"\n{kills} kills: (had ended, steps, images in the backup then): {found}")


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_restore_leaves_one_of_both_states(live: str, tmp_path: Path, kills: int) -> None:
    """At any moment. The store opens with all images of before or all of the backup, and the next restore is whole."""
    backups = [f"{tmp_path}/{name}.db {tmp_path}/{name}" for name in ("one", "two")]
    for backup in backups:
        with changing(live):
            pass
        back_up(live, backup)
    states = [asyncio.run(read_all(backup)) for backup in backups]
    longest_s, found = duration_of("restorer", backups[0], live), []
    for number in range(kills):
        asyncio.run(read_all(live, removes_orphans=True))  # so that each restore has files to copy
        is_done, _ = kill_one("restorer", backups[number % 2], live, longest_s)
        state = states.index(asyncio.run(read_all(live)))
        assert state == number % 2 or not is_done
        found.append((is_done, state))
    for backup, wanted in zip(backups, states, strict=True):
        duration_of("restorer", backup, live)
        assert asyncio.run(read_all(live)) == wanted
    print(f"\n{kills} kills: (had ended, number of the backup in the store then): {found}")
