"""Tests of wrapped keys (counted, replaced), and of secrets that the store forgets or retires."""

from dataclasses import replace

import pytest

from ...core.images import RewrappedKey, StoredImage
from ...errors import IntegrityError, SecretError, StoreConflict
from ..contract import CHUNK_BYTES, Expect, ImageStore, KeyChecks
from .fixtures import SetClock, StoreFixtures
from .steps import body_of, checks_of, read, save, stamp_of, wrapped_key_of

_OLD, _NEW = b"old.", b"new."
NONE: frozenset[bytes] = frozenset()


def rewrapped(image: StoredImage) -> RewrappedKey:
    """Return a RewrappedKey for an image's current version: a key under the new secret."""
    return RewrappedKey(image.id, image.meta.version, wrapped_key_of(_NEW))


class WrappingContract(StoreFixtures):
    """Tests of secrets in use, replaced wrapped keys, and check values that the store forgets."""

    async def test_images_are_counted_by_key_id(self, store: ImageStore) -> None:
        """Each image counts once, under the key id of its current wrapped key. Deleted images do not count."""
        assert await store.key_usage() == {}
        for image_id, key_id in [("a", _OLD), ("b", _OLD), ("c", _OLD), ("c", _NEW), ("d", _OLD)]:
            await save(store, image_id, key_id=key_id)
        await store.delete("d")
        assert await store.key_usage() == {_OLD: 2, _NEW: 1}
        for image_id in "abc":
            await store.delete(image_id)
        assert await store.key_usage() == {}

    async def test_a_wrapped_key_is_replaced_and_nothing_else(self, store: ImageStore, clock: SetClock) -> None:
        """Every read returns the new wrapped key. Token, version, creation time and body stay."""
        body = body_of(2 * CHUNK_BYTES + 5)
        saved = await save(store, "a", body, key_id=_OLD)
        clock.now_ms += 5000
        wrapped = rewrapped(saved)
        assert await store.replace_wrapped_keys([wrapped]) == 1
        expected = replace(saved, meta=replace(saved.meta, wrapped_key=wrapped.wrapped_key))
        stream = await store.open_stream("a")
        assert stream is not None
        assert stream.image == expected
        await stream.aclose()
        assert await store.get("a") == (await store.get_many(["a"]))["a"] == (await store.list())[0] == expected
        assert await read(store, "a") == body
        assert await store.key_usage() == {_NEW: 1}

    async def test_only_current_versions_are_given_keys(self, store: ImageStore) -> None:
        """One call with many keys replaces only those of current versions. Updated, deleted and unknown images stay
        unchanged.
        """
        images = [await save(store, image_id, key_id=_OLD) for image_id in "abcd"]
        updated = await save(store, "b", b"newer", key_id=_OLD)
        await store.delete("c")
        wrapped = [*map(rewrapped, images), RewrappedKey("e", images[0].meta.version, wrapped_key_of(_NEW))]
        assert await store.replace_wrapped_keys(wrapped) == 2
        assert await store.get("b") == updated
        assert await store.get("c") is await store.get("e") is None
        assert await store.key_usage() == {_NEW: 2, _OLD: 1}
        assert await store.replace_wrapped_keys([]) == 0

    async def test_a_key_that_is_another_by_then_stays(self, store: ImageStore) -> None:
        """A call with `was` replaces nothing if the stored key no longer equals `was`."""
        saved = await save(store, "a", key_id=_OLD)
        newer = RewrappedKey("a", saved.meta.version, wrapped_key_of(_NEW), was=saved.meta.wrapped_key)
        late = replace(newer, wrapped_key=wrapped_key_of(_OLD), epoch=7)
        assert await store.replace_wrapped_keys([newer]) == 1
        assert await store.replace_wrapped_keys([late]) == 0
        assert await store.get("a") == replace(saved, meta=replace(saved.meta, wrapped_key=newer.wrapped_key))

    async def test_a_replaced_key_changes_the_stamp(self, store: ImageStore) -> None:
        """Replacing the wrapped key of an image changes its version stamp."""
        saved = await save(store, "a")
        stamp = stamp_of(store, "a")
        await store.replace_wrapped_keys([rewrapped(saved)])
        assert stamp_of(store, "a") != stamp

    async def test_a_version_is_expected_after_its_key_was_replaced(self, store: ImageStore) -> None:
        """A replaced wrapped key does not change the version: a write that expects this version still succeeds."""
        saved = await save(store, "a", key_id=_OLD)
        await store.replace_wrapped_keys([rewrapped(saved)])
        assert (await save(store, "a", b"next", expect=saved.meta.version)).token > saved.token
        assert await read(store, "a") == b"next"

    async def test_a_secret_is_known_from_its_first_key_on(self, store: ImageStore) -> None:
        """After a write, `key_checks` has the last check value of the write's key ring. A refused write adds none."""
        both = old, new = await checks_of(store, _OLD, _NEW)
        assert await store.key_checks() == KeyChecks(NONE, NONE)
        saved = await save(store, "a", key_id=_OLD, checks=[old])
        with pytest.raises(StoreConflict):
            await save(store, "a", key_id=_NEW, checks=both, expect=Expect.ABSENT)
        assert await store.key_checks() == KeyChecks(frozenset({old}), NONE)
        await store.replace_wrapped_keys([rewrapped(saved)], checks=both)
        assert await store.key_checks() == KeyChecks(frozenset({old, new}), NONE)

    async def test_a_ring_without_a_secret_that_images_are_under_wraps_nothing(self, store: ImageStore) -> None:
        """If the key ring lacks a secret that images need, the store refuses new versions and replaced keys. Nothing
        changes.
        """
        old, new = await checks_of(store, _OLD, _NEW)
        saved = await save(store, "a", b"body", key_id=_OLD, checks=[old])
        for image_id in "ab":
            with pytest.raises(SecretError, match=f"secret {_OLD.hex()}, but this process has {_NEW.hex()}"):
                await save(store, image_id, key_id=_NEW, checks=[new])
        with pytest.raises(SecretError):
            await store.replace_wrapped_keys([rewrapped(saved)], checks=[new])
        assert (await store.list(), await read(store, "a")) == ([saved], b"body")
        assert await store.key_checks() == KeyChecks(frozenset({old}), NONE)

    async def test_a_secret_that_nothing_is_under_keeps_nobody_out(self, store: ImageStore) -> None:
        """If no image needs a secret, the first write with a key ring without that secret makes the store forget it."""
        old, new = await checks_of(store, _OLD, _NEW)
        await save(store, "a", key_id=_OLD, checks=[old])
        await store.delete("a")
        await save(store, "a", key_id=_NEW, checks=[new])
        assert await store.key_checks() == KeyChecks(frozenset({new}), NONE)
        with pytest.raises(SecretError):
            await save(store, "b", key_id=_OLD, checks=[old])

    async def test_a_retired_secret_wraps_nothing_more(self, store: ImageStore) -> None:
        """A secret can't be retired while an image needs it. The store refuses a key ring with a retired secret as its
        last one.
        """
        both = old, new = await checks_of(store, _OLD, _NEW)
        saved = await save(store, "a", key_id=_OLD, checks=[old])
        with pytest.raises(StoreConflict):
            await store.retire_key_check(old)
        await store.replace_wrapped_keys([rewrapped(saved)], checks=both)
        for _ in range(2):
            await store.retire_key_check(old)
            assert await store.key_checks() == KeyChecks(frozenset({new}), frozenset({old}))
        await store.close()
        await store.open()
        for checks in ([old], both[::-1]):
            with pytest.raises(SecretError, match=f"secret {_OLD.hex()} was retired"):
                await save(store, "b", key_id=_OLD, checks=checks)
        await save(store, "b", key_id=_NEW, checks=both)
        assert await store.key_usage() == {_NEW: 2}

    async def test_a_deleted_image_needs_no_secret(self, store: ImageStore) -> None:
        """After an image was deleted, its secret can be retired."""
        (old,) = await checks_of(store, _OLD)
        await save(store, "a", key_id=_OLD, checks=[old])
        await store.delete("a")
        await store.retire_key_check(old)
        assert await store.key_checks() == KeyChecks(NONE, frozenset({old}))

    async def test_a_separation_is_one_step(self, store: ImageStore) -> None:
        """`separate` replaces the store's id, all wrapped keys and all check values in one step. If it fails, nothing
        changes.

        Tokens, versions, times and bodies stay.
        """
        old, new = await checks_of(store, _OLD, _NEW)
        images = [await save(store, image_id, b"body", key_id=_OLD, checks=[old]) for image_id in "abc"]
        before, new_id = await store.database_id(), bytes(range(1, 17))

        def fail(image: StoredImage) -> bytes:
            if image.id == "c":
                raise IntegrityError("damaged", "wrap")
            return wrapped_key_of(_NEW)

        with pytest.raises(IntegrityError):
            await store.separate(new_id, new, fail)
        assert (await store.list(), await store.database_id()) == (images, before)
        assert await store.key_checks() == KeyChecks(frozenset({old}), NONE)
        assert await store.separate(new_id, new, lambda _: _NEW + bytes(48)) == 3
        metas = [replace(image.meta, wrapped_key=_NEW + bytes(48)) for image in images]
        assert await store.list() == [replace(image, meta=meta) for image, meta in zip(images, metas, strict=True)]
        assert await read(store, "b") == b"body"
        assert await store.key_checks() == KeyChecks(frozenset({new}), NONE)
        assert await store.database_id() == new_id
