"""Wrapped keys: counted by the secret that they are under, replaced, and a secret forgotten that none is under."""

from dataclasses import replace

import pytest

from ...core.images import RewrappedKey, StoredImage
from ...errors import StoreConflict, StoreError
from ..contract import CHUNK_BYTES, ImageStore
from .fixtures import SetClock, StoreFixtures
from .steps import body_of, read, save, wrapped_key_of

_OLD, _NEW = b"old.", b"new."
_OLD_CHECK, _NEW_CHECK = _OLD + b"check-value.", _NEW + b"check-value."


def rewrapped(image: StoredImage) -> RewrappedKey:
    """Return another wrapped key for a version, under the new secret."""
    return RewrappedKey(image.id, image.meta.version, wrapped_key_of(_NEW))


class WrappingContract(StoreFixtures):
    """Usage of secrets, wrapped keys that are replaced, check values that are forgotten."""

    async def test_images_are_counted_by_key_id(self, store: ImageStore) -> None:
        """Each image counts once, under the id that its current wrapped key begins with; deleted ones do not."""
        assert await store.key_usage() == {}
        for image_id, key_id in [("a", _OLD), ("b", _OLD), ("c", _OLD), ("c", _NEW), ("d", _OLD)]:
            await save(store, image_id, key_id=key_id)
        await store.delete("d")
        assert await store.key_usage() == {_OLD: 2, _NEW: 1}
        for image_id in "abc":
            await store.delete(image_id)
        assert await store.key_usage() == {}

    async def test_a_wrapped_key_is_replaced_and_nothing_else(self, store: ImageStore, clock: SetClock) -> None:
        """The image has its new wrapped key in every way to read it; token, version, time and body stay."""
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
        """Of many at once those are replaced whose version is current; updated, deleted and unknown ones are left."""
        images = [await save(store, image_id, key_id=_OLD) for image_id in "abcd"]
        updated = await save(store, "b", b"newer", key_id=_OLD)
        await store.delete("c")
        wrapped = [*map(rewrapped, images), RewrappedKey("e", images[0].meta.version, wrapped_key_of(_NEW))]
        assert await store.replace_wrapped_keys(wrapped) == 2
        assert await store.get("b") == updated
        assert await store.get("c") is await store.get("e") is None
        assert await store.key_usage() == {_NEW: 2, _OLD: 1}
        assert await store.replace_wrapped_keys([]) == 0

    async def test_a_replaced_key_changes_the_stamp(self, store: ImageStore) -> None:
        """Whoever read an image before learns by the stamp that it was changed."""
        saved = await save(store, "a")
        stamp = await store.stamp()
        await store.replace_wrapped_keys([rewrapped(saved)])
        assert await store.stamp() != stamp

    async def test_a_version_is_expected_after_its_key_was_replaced(self, store: ImageStore) -> None:
        """A write that expects a version passes when its key was wrapped anew meanwhile: it is the same version."""
        saved = await save(store, "a", key_id=_OLD)
        await store.replace_wrapped_keys([rewrapped(saved)])
        assert (await save(store, "a", b"next", expect=saved.meta.version)).token > saved.token
        assert await read(store, "a") == b"next"

    async def test_a_check_value_is_forgotten_when_no_image_needs_it(self, store: ImageStore) -> None:
        """While an image is under its secret a check value stays; afterwards it goes, once, and no other with it."""
        await store.claim_keys([_OLD_CHECK])
        await store.claim_keys([_OLD_CHECK, _NEW_CHECK])
        saved = await save(store, "a", key_id=_OLD)
        with pytest.raises(StoreConflict):
            await store.forget_key_check(_OLD_CHECK)
        assert await store.key_checks() == {_OLD_CHECK, _NEW_CHECK}
        await store.replace_wrapped_keys([rewrapped(saved)])
        assert await store.forget_key_check(_OLD_CHECK) is True
        assert await store.forget_key_check(_OLD_CHECK) is False
        assert await store.key_checks() == {_NEW_CHECK}
        assert await store.claim_keys([_NEW_CHECK]) == frozenset()

    async def test_only_secrets_that_images_are_under_count(self, store: ImageStore) -> None:
        """Without images every check value counts; with some, those of the secrets that they are under."""
        await store.claim_keys([_OLD_CHECK])
        await store.claim_keys([_OLD_CHECK, _NEW_CHECK])
        assert await store.claim_keys([_NEW_CHECK]) == {_OLD_CHECK}
        saved = await save(store, "a", key_id=_OLD)
        assert await store.claim_keys([_NEW_CHECK]) == {_OLD_CHECK}
        assert await store.claim_keys([_OLD_CHECK]) == frozenset()
        await store.replace_wrapped_keys([rewrapped(saved)])
        assert await store.claim_keys([_NEW_CHECK]) == frozenset()
        assert await store.claim_keys([_OLD_CHECK]) == {_NEW_CHECK}
        assert await store.key_checks() == {_OLD_CHECK, _NEW_CHECK}

    async def test_a_forgotten_secret_wraps_nothing_more(self, store: ImageStore) -> None:
        """A version or a key that comes under a forgotten secret is refused, and changes nothing, until it is known."""
        await store.claim_keys([_OLD_CHECK])
        await store.claim_keys([_OLD_CHECK, _NEW_CHECK])
        saved = await save(store, "a", b"body", key_id=_NEW)
        await store.forget_key_check(_OLD_CHECK)
        for image_id in "ab":
            with pytest.raises(StoreError) as refusal:
                await save(store, image_id, b"late", key_id=_OLD)
            assert not isinstance(refusal.value, StoreConflict)
        keys = [rewrapped(saved), RewrappedKey("a", saved.meta.version, wrapped_key_of(_OLD))]
        with pytest.raises(StoreError):
            await store.replace_wrapped_keys(keys)
        assert (await store.list(), await read(store, "a")) == ([saved], b"body")
        await store.claim_keys([_NEW_CHECK, _OLD_CHECK])
        await save(store, "b", b"again", key_id=_OLD)
        assert await store.key_usage() == {_OLD: 1, _NEW: 1}

    async def test_a_deleted_image_needs_no_secret(self, store: ImageStore) -> None:
        """The secret of an image that was deleted can be forgotten, and stays so once the store was opened again."""
        await store.claim_keys([_OLD_CHECK])
        await save(store, "a", key_id=_OLD)
        await store.delete("a")
        assert await store.forget_key_check(_OLD_CHECK) is True
        await store.close()
        await store.open()
        assert await store.key_checks() == frozenset()
