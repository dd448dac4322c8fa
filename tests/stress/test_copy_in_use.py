"""A store that others write to, copied by processes that are killed at random moments: no image is torn or lost."""

import asyncio
import random
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from pixstore_asgi.store.contract_tests.steps import checks_of
from pixstore_asgi.store.contract_tests.steps import save as save_one
from tests.demo.process import run
from tests.stress.bodies import body_of, read, save
from tests.stress.processes import Worker
from tests.stress.stores import left_in, parts_of, store_of
from tests.stress.test_kill import IDS
from tests.transfer.copies import content_of

pytestmark = pytest.mark.slow

KILLS, STILL = 3, 24


@pytest.fixture(params=["to", pytest.param("from", marks=pytest.mark.soak)])
def ends(request: pytest.FixtureRequest, target: str, tmp_path: Path) -> tuple[str, str]:
    """A source and a target, one of them in SQLite, the other one in each kind of store."""
    other = str(tmp_path / "other.db")
    return (other, target) if request.param == "to" else (target, other)


async def begin(target: str) -> None:
    """Make a store that knows a secret, with images that no process writes to."""
    store = store_of(target)
    await store.open()
    await save_one(store, "first", bytes(200), key_id=b"key.", checks=await checks_of(store, b"key."))
    await store.delete("first")
    for number in range(STILL):
        await save(store, f"still-{number:02}", body_of(f"still-{number:02}", "", 2_000_000))
    await store.close()


async def read_all(target: str, *, sweeps_all: bool = False) -> int:
    """Read all images of a store, which raises Torn where one is not whole, and return how many there are."""
    store = store_of(target, sweeps_all=sweeps_all)
    await store.open()
    images = await store.list(limit=100_000)
    found = [await read(store, image.id) for image in images]
    await store.sweep(limit=100_000)
    await store.close()
    assert None not in found
    return len(images)


async def compare(*targets: str) -> None:
    """Assert that two stores have the same images, bodies and deleted ids."""
    contents = []
    for target in targets:
        store = store_of(target)
        await store.open()
        contents.append(await content_of(store))
        await store.close()
    assert contents[0] == contents[1]


def arguments(option: str, target: str) -> list[str]:
    """Return the command's options for one end of a copy."""
    place, blobs, _ = parts_of(target)
    return [option, place, *([f"{option}-blobs", blobs] if blobs else [])]


def copy_and_kill(source: str, target: str) -> list[list[str]]:
    """Copy in a process of its own, kill it in the middle, and return the steps that it told of."""
    with Worker("copier", source, into=target) as copier:
        copier.wait_for("step")
        time.sleep(random.uniform(0, 0.5))
        copier.kill()
    return copier.told("step")


def test_a_copy_follows_its_source_through_kills(ends: tuple[str, str]) -> None:
    """After each kill all that is in the target is whole; a pass after the last write makes both the same."""
    source, target = ends
    asyncio.run(begin(source))
    with ExitStack() as stack:
        writers = [
            stack.enter_context(Worker("writer", source, name="w", ids=IDS)),
            stack.enter_context(Worker("grouper", source, name="g", ids=[f"group-{n}" for n in range(6)])),
        ]
        writers[0].wait_for("saved")
        steps, found = [], []
        for _ in range(KILLS):
            steps.append(copy_and_kill(source, target))
            found.append(asyncio.run(read_all(target)))
        copier = stack.enter_context(Worker("copier", source, into=target))
        copier.wait_for("passed")
        for worker in (copier, *writers):
            worker.stop()
    last = run("copy", *arguments("--from", source), *arguments("--to", target))
    assert (last.returncode, last.stderr) == (0, "")
    asyncio.run(compare(source, target))
    assert asyncio.run(read_all(target, sweeps_all=True)) > STILL
    assert [step for told in (*steps, copier.told("step")) for step in told if step[2]] == []
    left = asyncio.run(left_in(target))
    assert left == dict.fromkeys(left, 0)
    print(f"\n{KILLS} kills, after so many steps: {[len(told) for told in steps]}; in the target then: {found}")
