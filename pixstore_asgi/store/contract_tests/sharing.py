"""Tests of two stores with the same images, like the stores of two processes."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ...core.images import RewrappedKey
from ...errors import DirectoryFull, ImageExists, SecretError, StoreConflict
from ..contract import CHUNK_BYTES, Expect, ImageStore, KeyChecks
from ..inspection import Countable
from .counting import save_within
from .fixtures import SetClock, StoreFixtures
from .grouping import CARD, GROUP, THUMB, bodies_of
from .steps import body_of, checks_of, read, save, save_group, stamp_of, wrapped_key_of


class SharingContract(StoreFixtures):
    """Tests of two stores, `store` and `other`, that are made for the same folder."""

    @pytest.fixture
    async def other(self, store: ImageStore, tmp_path: Path, clock: SetClock) -> AsyncIterator[ImageStore]:
        made = self.make_store(tmp_path, clock)
        await made.open()
        yield made
        await made.close()

    async def test_what_another_store_wrote_is_there_at_once(self, store: ImageStore, other: ImageStore) -> None:
        """After one store has finished a save, update or delete, the other store returns the new state and another
        version stamp.
        """
        stamps = [stamp_of(other, "a")]
        for body in (b"first", body_of(3 * CHUNK_BYTES)):
            saved = await save(store, "a", body)
            stamps.append(stamp_of(other, "a"))
            assert (await other.get("a"), await read(other, "a")) == (saved, body)
        await store.delete("a")
        stamps.append(stamp_of(other, "a"))
        assert await other.get("a") is None
        assert len(set(stamps)) == len(stamps)

    async def test_expectations_hold_against_another_store(self, store: ImageStore, other: ImageStore) -> None:
        """The store refuses a write with an expected state if the other store has changed the image meanwhile."""
        first = await save(store, "a", b"first")
        second = await save(other, "a", b"second")
        assert second.token > first.token
        with pytest.raises(StoreConflict):
            await save(store, "a", expect=first.meta.version)
        with pytest.raises(StoreConflict):
            await store.delete("a", expect=os.urandom(16))
        await other.delete("a")
        with pytest.raises(StoreConflict):
            await save(store, "a", expect=Expect.PRESENT)

    async def test_one_of_two_firsts_is_refused(self, store: ImageStore, other: ImageStore) -> None:
        """If two stores save one id at the same time and both expect no image, exactly one succeeds."""
        saves = (save(one, "a", expect=Expect.ABSENT) for one in (store, other, store, other))
        outcomes = await asyncio.gather(*saves, return_exceptions=True)
        assert sum(type(outcome) is ImageExists for outcome in outcomes) == 3
        assert await store.get("a") in outcomes

    async def test_two_stores_share_the_room_of_a_directory(self, store: ImageStore, other: ImageStore) -> None:
        """If two stores save with a limit at the same time, exactly as many images as fit are saved."""
        if not isinstance(store, Countable):
            pytest.skip("the store has no method `usage`")
        stores = {"one": store, "other": other}
        saves = (save_within(one, (5, None), f"ada:{n}-{name}") for n in range(6) for name, one in stores.items())
        outcomes = await asyncio.gather(*saves, return_exceptions=True)
        assert sum(isinstance(outcome, DirectoryFull) for outcome in outcomes) == 7
        assert (await store.usage(after="ada:", before="ada;")).images == 5

    async def test_a_stream_outlives_another_stores_sweep(self, store: ImageStore, other: ImageStore) -> None:
        """A stream of one store can be read to its end, although the other store replaces and deletes the image and
        runs gc.
        """
        body = body_of(4 * CHUNK_BYTES + 5)
        await save(store, "a", body)
        stream = await store.open_stream("a")
        assert stream is not None
        head = await anext(stream)
        await save(other, "a", b"second")
        await other.delete("a")
        await other.sweep()
        assert head + b"".join([chunk async for chunk in stream]) == body

    async def test_a_key_that_another_store_replaced_is_there_at_once(
        self, store: ImageStore, other: ImageStore
    ) -> None:
        """After one store has replaced a wrapped key, the other one returns the new key and another version stamp.

        After the other store has saved a new version, a replacement that names the earlier version changes nothing.
        """
        saved = await save(store, "a")
        stamp = stamp_of(other, "a")
        wrapped = [RewrappedKey("a", saved.meta.version, wrapped_key_of(key_id)) for key_id in (b"1st.", b"2nd.")]
        assert await store.replace_wrapped_keys(wrapped[:1]) == 1
        assert stamp_of(other, "a") != stamp
        assert await other.key_usage() == {b"1st.": 1}
        await save(other, "a", key_id=b"3rd.")
        assert await store.replace_wrapped_keys(wrapped[1:]) == 0
        assert await store.key_usage() == {b"3rd.": 1}

    async def test_an_epoch_that_another_store_raised_is_there_at_once(
        self, store: ImageStore, other: ImageStore
    ) -> None:
        """After one store has raised the epoch of one or all images, the other store returns the new epoch and another
        version stamp.
        """
        await save(store, "a")
        stamps = [stamp_of(other, "a")]
        assert await store.raise_epoch("a") is True
        stamps.append(stamp_of(other, "a"))
        assert await store.raise_epochs() == 1
        stamps.append(stamp_of(other, "a"))
        assert len(set(stamps)) == len(stamps)
        raised = await other.get("a")
        assert raised is not None
        assert raised.epoch == 2

    async def test_a_retired_secret_is_retired_for_all(self, store: ImageStore, other: ImageStore) -> None:
        """After one store has retired a secret, the other one refuses keys under it.

        A secret can't be retired while an image of the other store needs it.
        """
        both = await checks_of(store, b"old.", b"new.")
        old = both[:1]
        await save(other, "a", key_id=b"old.", checks=old)
        with pytest.raises(StoreConflict):
            await store.retire_key_check(old[0])
        await save(other, "a", key_id=b"new.", checks=both)
        await store.retire_key_check(old[0])
        assert await other.key_checks() == KeyChecks(frozenset(both[1:]), frozenset(old))
        with pytest.raises(SecretError, match="was retired"):
            await save(other, "b", key_id=b"old.", checks=both[::-1])

    async def test_a_group_that_another_store_wrote_is_there_at_once(
        self, store: ImageStore, other: ImageStore
    ) -> None:
        """The other store returns the whole group after a write. A write to any member changes the stamps of all
        members.
        """
        stamps = [tuple(other.stamps(list(GROUP)))]
        for write in (save_group(store, GROUP), save(store, THUMB, b"again"), store.raise_epoch(CARD)):
            await write
            stamps.append(tuple(other.stamps(list(GROUP))))
        assert await bodies_of(other) == {**GROUP, THUMB: b"again"}
        await store.delete("a")
        stamps.append(tuple(other.stamps(list(GROUP))))
        assert await other.get_many(list(GROUP)) == {}
        assert all(len(set(each)) == len(each) for each in zip(*stamps, strict=True))

    async def test_groups_of_two_stores_do_not_mix(self, store: ImageStore, other: ImageStore) -> None:
        """While both stores save groups, raise epochs and replace keys, each read returns one whole group. No write is
        refused.
        """
        await save_group(store, dict.fromkeys(GROUP, b"first"))

        async def save_on(which: ImageStore, size: int) -> None:
            for number in range(6):
                body = bytes(size + 2 * number)
                await save_group(which, dict.fromkeys(GROUP, body))
                await which.raise_epochs()
                images = await which.list()
                wrapped = [RewrappedKey(image.id, image.meta.version, wrapped_key_of()) for image in reversed(images)]
                await which.replace_wrapped_keys(wrapped)

        saving = [asyncio.create_task(save_on(*each)) for each in ((store, 1000), (other, 2001))]
        while not all(task.done() for task in saving):
            images = (await store.get_many(list(GROUP))).values()
            assert len(images) == len(GROUP)
            assert len({(image.token, image.epoch, image.meta.size) for image in images}) == 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*saving)
        assert {image.epoch for image in await other.list()} == {12}

    async def test_two_stores_of_the_same_images_have_one_id(self, store: ImageStore, other: ImageStore) -> None:
        """Two stores with the same images have the same database id."""
        assert await store.database_id() == await other.database_id()

    async def test_of_two_first_secrets_one_saves(self, store: ImageStore, other: ImageStore) -> None:
        """If two stores save their first images under two secrets at the same time, only one secret is accepted.

        The other one is refused later too.
        """
        rings = {store: await checks_of(store, b"one."), other: await checks_of(other, b"two.")}
        for image_id in "ab":
            saving = [save(each, image_id, key_id=checks[0][:4], checks=checks) for each, checks in rings.items()]
            outcomes = await asyncio.gather(*saving, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes].count(SecretError) == 1
        assert len(await store.key_usage()) == len((await store.key_checks()).in_use) == 1
