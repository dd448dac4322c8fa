"""The time for which a Pixstore's store is open: counted opens, opening on first use, in any event loop."""

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import (
    InvalidImage,
    Pixstore,
    StoreError,
    WireState,
)
from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.saving.sealing import commit_together
from pixstore_asgi.store.memory import MemoryStore
from tests.support.payloads import served
from tests.support.samples import SECRET, picture


def test_the_constructor_does_no_io(tmp_path: Path) -> None:
    """Nothing is made or read before the store opens."""
    Pixstore(tmp_path / "folder" / "pixstore.db")
    assert list(tmp_path.iterdir()) == []


async def test_opens_are_counted(tmp_path: Path) -> None:
    """The last close closes; after it only open opens again, and use in between is refused."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    async with pix:
        async with pix.lifespan():
            record = await pix.save_image(picture())
        assert await pix.image_exists(record.id)
    with pytest.raises(StoreError, match="open it again"):
        await pix.image_exists(record.id)
    assert (await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)).state == 6
    await pix.close()
    async with pix:
        assert await served(pix, record) == (WireState.SUCCESS, picture())


async def test_the_first_use_opens_once(tmp_path: Path) -> None:
    """Without any open the first calls open the store, together, once; one close then closes it."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    records = await asyncio.gather(*(pix.save_image(picture()) for _ in range(8)))
    assert len(records) == 8
    await pix.close()
    with pytest.raises(StoreError):
        await pix.get_image_record(records[0].id)


async def test_a_failed_open_can_be_repeated(tmp_path: Path) -> None:
    """An open that failed leaves nothing open, and works once its cause is gone."""
    folder = tmp_path / "later"
    pix = Pixstore(folder / "pixstore.db", secret=SECRET)
    with pytest.raises(StoreError):
        await pix.open()
    folder.mkdir()
    async with pix:
        await pix.save_image(picture())


async def test_pixstores_do_not_touch_one_another(tmp_path: Path) -> None:
    """Several Pixstores in one process, even on one file, keep their own life, options and connections."""
    first, second = Pixstore(tmp_path / "a.db", secret=SECRET), Pixstore(tmp_path / "b.db", secret=SECRET)
    third = Pixstore(tmp_path / "a.db", secret=SECRET, image_formats=["gif"])
    async with first, second:
        record = await first.save_image(picture())
        assert await second.get_image_record(record.id) is None
        async with third:
            assert await served(third, record) == (WireState.SUCCESS, picture())
            with pytest.raises(InvalidImage):
                await third.save_image(picture())
        assert await served(first, record) == (WireState.SUCCESS, picture())
        with pytest.raises(StoreError):
            await third.save_image(picture("gif"))


@pytest.mark.slow
def test_trio_is_refused_clearly(tmp_path: Path) -> None:
    """Under trio the first use raises a StoreError that says so."""
    script = """
        import sys, trio
        from pixstore_asgi import Pixstore, StoreError
        from pixstore_asgi.store.sqlite import SqliteStore

        async def main():
            for use in (Pixstore(sys.argv[1]).open, SqliteStore(sys.argv[1]).open):
                try:
                    await use()
                except StoreError as error:
                    print(error)

        trio.run(main)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "pixstore.db")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.count("not under trio") == 2


class SlowStore(MemoryStore):
    """A store that takes its time to open and to close."""

    is_open = False

    async def open(self) -> None:
        await asyncio.sleep(0)
        await super().open()
        self.is_open = True

    async def close(self) -> None:
        await asyncio.sleep(0)
        await super().close()
        self.is_open = False


@pytest.mark.parametrize("pauses", range(16))
async def test_who_is_cancelled_leaves_nothing_open(pauses: int) -> None:
    """Of two that use a Pixstore one is cancelled at any moment: when both have ended, the store is closed."""
    store = SlowStore()
    pix = Pixstore(store, secret=SECRET)

    async def use() -> None:
        async with pix:
            await asyncio.sleep(0)

    stays, leaves = asyncio.create_task(use()), asyncio.create_task(use())
    for _ in range(pauses):
        await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.wait([stays, leaves])
    assert not store.is_open


async def test_an_open_given_up_takes_the_store_from_nobody(tmp_path: Path) -> None:
    """Where the store was opened by its first use, an open that is cancelled leaves it open."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    record = await pix.save_image(picture())
    async with parts_of(pix).life._share().lock:
        late = asyncio.create_task(pix.open())
        await asyncio.sleep(0)
        late.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([late])
    assert late.cancelled()
    assert await pix.image_exists(record.id)
    await pix.close()


async def test_what_was_saved_as_it_was_closed_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save with a finished commit returns its record, although the store was closed at that moment."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    await pix.open()

    async def commit_and_close(*args: Any) -> Sequence[StoredImage]:
        images = await commit_together(*args)
        await pix.close()
        return images

    monkeypatch.setattr("pixstore_asgi.saving.save.commit_together", commit_and_close)
    record = await pix.save_image(picture())
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as after:
        assert await served(after, record) == (WireState.SUCCESS, picture())
