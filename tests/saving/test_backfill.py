"""Backfill: missing parts are added to the current version of an image, or not at all."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import pytest
from PIL import Image

from pixstore_asgi import ConfigError, ImageNotFound, ImageRecord, Pixstore, Variant
from pixstore_asgi.core.images import ExportedImage, RewrappedKey, StoredImage
from pixstore_asgi.core.padding import bucket_bytes
from pixstore_asgi.errors import IntegrityError, StoreConflict, StoreError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.saving.backfill import Backfill
from pixstore_asgi.store.contract import ImageWriter
from pixstore_asgi.store.contract_tests.fixtures import SetClock
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.transfer.variants import make_variants
from tests.support.samples import ALL_KINDS, OTHER_SECRET, SECRET, picture

pytestmark = pytest.mark.slow

THUMB, CARD = Variant("thumb", width=16), Variant("card", width=32, format="webp")
ALL_FORMATS = ("png", "webp", "jpg", "jpeg", "gif", "avif")
WIDE = picture("jpeg", 48, seed=1)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def store(clock: SetClock) -> MemoryStore:
    """A store that any number of Pixstores have."""
    return MemoryStore(clock_ms=clock)


@pytest.fixture
async def plain(store: MemoryStore) -> AsyncIterator[Pixstore]:
    """A Pixstore that makes no variants."""
    async with Pixstore(store, secret=SECRET, image_formats=ALL_FORMATS) as pix:
        yield pix


@pytest.fixture
async def full(store: MemoryStore) -> AsyncIterator[Pixstore]:
    """A Pixstore that makes two variants and a placeholder."""
    async with Pixstore(store, secret=SECRET, variants=(THUMB, CARD), placeholder=True) as pix:
        yield pix


async def ended(pix: Pixstore, *image_ids: str, **options: bool) -> list[tuple[str, str]]:
    """Return the outcome of each image, in the order of their ids, and the reason."""
    steps = [step async for step in make_variants(pix, image_ids, **options)]
    order = {image_id: place for place, image_id in enumerate(image_ids)}
    return [(step.outcome.name, step.reason) for step in sorted(steps, key=lambda step: order[step.image_id])]


async def record_of(pix: Pixstore, image_id: str) -> ImageRecord:
    record = await pix.get_image_record(image_id)
    assert record is not None
    return record


async def pixels(pix: Pixstore, image_id: str) -> Image.Image:
    found = await pix.export_image(image_id)
    assert found is not None
    return Image.open(io.BytesIO(found.image.data)).convert("RGB")


async def shows(pix: Pixstore, record: ImageRecord, data: bytes) -> bool:
    """Tell whether every variant of a record looks as the picture does, made as small."""
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    differences = []
    for variant in record.variants.values():
        small = await pixels(pix, variant.id)
        assert small.size == (variant.width, variant.height)
        wanted = whole.resize(small.size, Image.Resampling.LANCZOS)
        pairs = zip(small.tobytes(), wanted.tobytes(), strict=True)
        differences.append(sum(abs(one - other) for one, other in pairs) / len(wanted.tobytes()))
    return max(differences) < 8


async def stored(store: MemoryStore) -> dict[str, StoredImage]:
    return {image.id: image for image in await store.list(limit=1000)}


def without_keys(images: dict[str, StoredImage]) -> dict[str, StoredImage]:
    return {name: replace(image, meta=replace(image.meta, wrapped_key=b"")) for name, image in images.items()}


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("pad_to", ["bucket", None])
async def test_an_image_gets_what_new_ones_have(plain: Pixstore, full: Pixstore, kind: str, pad_to: str | None) -> None:
    """Of every format, padded or not, an image that was saved without gets variants, sizes and placeholder; itself it
    stays what it was."""
    async with Pixstore(parts_of(plain).store, secret=SECRET, image_formats=ALL_FORMATS, pad_to=pad_to) as pix:  # type: ignore[arg-type]
        before = await pix.save_image(ALL_KINDS[kind], directory="players")
    assert await ended(full, before.id) == [("MOVED", "")]
    after = await record_of(full, before.id)
    assert (after.token, after["meta"]) == (before.token, before["meta"])
    assert (after.width, after.height) == (48, 48)
    assert after.placeholder
    assert list(after.variants) == ["thumb", "card"]
    first_frame = Image.open(io.BytesIO(ALL_KINDS[kind]))
    output = io.BytesIO()
    first_frame.convert("RGB").save(output, "png")
    assert await shows(full, after, output.getvalue())
    assert await ended(full, before.id) == [("PRESENT", "")]


async def test_what_is_there_stays(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """An existing variant stays unchanged, and only missing ones are made."""
    image_id = (await plain.save_image(WIDE)).id
    async with Pixstore(store, secret=SECRET, variants=[THUMB]) as some:
        assert await ended(some, image_id) == [("MOVED", "")]
    before = await stored(store)
    assert list(before) == [image_id, f"{image_id}~thumb"]
    assert await ended(full, image_id) == [("MOVED", "")]
    after = await stored(store)
    assert after.pop(f"{image_id}~card").token >= before[image_id].token
    assert without_keys(after) == without_keys(before)
    assert after[f"{image_id}~thumb"] == before[f"{image_id}~thumb"]


async def test_again_makes_all_anew(store: MemoryStore, full: Pixstore) -> None:
    """With `again` the listed variants get other keys and higher tokens; original, width and placeholder stay."""
    image_id = (await full.save_image(WIDE)).id
    before = await stored(store)
    async with Pixstore(store, secret=SECRET, variants=[Variant("thumb", width=8)]) as other:
        assert await ended(other, image_id, again=True) == [("MOVED", "")]
    after = await stored(store)
    old, new = before.pop(f"{image_id}~thumb"), after.pop(f"{image_id}~thumb")
    assert new.token > old.token
    assert new.meta.iv != old.meta.iv
    assert after == before
    assert (await record_of(full, image_id)).variants["thumb"].width == 8


async def test_a_placeholder_comes_later_and_stays(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """Width and height alone may be made first, a placeholder after them, and neither is lost by a further run."""
    image_id = (await plain.save_image(WIDE)).id
    async with Pixstore(store, secret=SECRET, check_pixels=True) as sizes:
        assert await ended(sizes, image_id) == [("MOVED", "")]
        first = await record_of(sizes, image_id)
        assert (first.width, first.placeholder, list(await stored(store))) == (48, None, [image_id])
        assert await ended(full, image_id) == [("MOVED", "")]
        assert await ended(sizes, image_id, again=True) == [("PRESENT", "")]
    assert (await record_of(full, image_id)).placeholder


async def test_what_a_secret_is_replaced_by_has_all(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """Details are wrapped under the secret that signs, and go on with the key when that is wrapped anew."""
    image_id = (await plain.save_image(WIDE)).id
    assert await ended(full, image_id) == [("MOVED", "")]
    async with Pixstore(store, secret=[SECRET, OTHER_SECRET], variants=[THUMB]) as rotated:
        await rotated.rewrap_keys()
        record = await record_of(rotated, image_id)
        assert (record.width, record.variants["thumb"].width) == (48, 16)
        assert [state.images for state in await rotated.key_status() if not state.signs] == [0]


async def test_lengths_are_padded(store: MemoryStore, plain: Pixstore) -> None:
    """With pad_to="bucket" the length of a variant tells as little as that of one that is saved with its image."""
    image_id = (await plain.save_image(WIDE)).id
    async with Pixstore(store, secret=SECRET, variants=(THUMB, CARD), pad_to="bucket") as pix:
        await ended(pix, image_id)
    sizes = {image.meta.size for name, image in (await stored(store)).items() if name != image_id}
    assert sizes == set(map(bucket_bytes, sizes))


async def test_a_clock_behind_makes_no_older_variant(plain: Pixstore, full: Pixstore, clock: SetClock) -> None:
    """The token of a variant made later is never below its original's, even on a host with a slow clock."""
    record = await plain.save_image(WIDE)
    clock.now_ms -= 60_000
    await ended(full, record.id)
    tokens = {variant.token for variant in (await record_of(full, record.id)).variants.values()}
    assert tokens == {record.token}


async def test_a_variant_from_elsewhere_is_described(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """A variant taken over without its width stays unchanged, at any size, and gets width and height."""
    record = await plain.save_image(WIDE)
    small = picture("png", 7)
    await plain.import_image(f"{record.id}~thumb", small, token=record.token)
    assert await ended(full, record.id) == [("MOVED", "")]
    thumb = (await record_of(full, record.id)).variants["thumb"]
    assert (thumb.token, thumb.width, thumb.height, thumb.placeholder) == (record.token, 7, 7, None)
    exported = await full.export_image(thumb.id)
    assert exported is not None
    assert exported.image.data == small
    assert await ended(full, record.id) == [("PRESENT", "")]


async def test_what_does_not_decode_is_left_alone(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """A picture that is damaged within its container is told with the reason, and the others are completed."""
    good = [(await plain.save_image(picture("jpeg", seed=seed))).id for seed in range(3)]
    cut = picture("png")[:-20] + bytes(4) + picture("png")[-16:]
    bad = (await plain.save_image(cut)).id
    reason = "the PNG image does not decode: it is damaged"
    assert await ended(full, bad, *good) == [("LEFT", reason), *[("MOVED", "")] * 3]
    assert [name for name in await stored(store) if name.startswith(f"{bad}~")] == []
    await plain.import_image(f"{good[0]}~new", cut, token=1)
    async with Pixstore(store, secret=SECRET, variants=[Variant("new", width=9)]) as pix:
        assert await ended(pix, good[0]) == [("LEFT", f"its variant new is no picture: {reason}")]


async def test_what_was_changed_in_the_store_is_left_alone(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """Nothing is made from changed ciphertext or a changed row."""
    ids = [(await plain.save_image(WIDE)).id for _ in range(3)]
    first, second = (store._versions[image_id] for image_id in ids[:2])
    store._versions[ids[0]] = replace(first, body=b"x" * first.meta.size)
    store._versions[ids[1]] = replace(second, meta=replace(second.meta, format=1))
    steps = await ended(full, *ids)
    assert [outcome for outcome, _ in steps] == ["LEFT", "LEFT", "MOVED"]
    assert "fails authentication" in steps[0][1]
    assert "was changed outside this package" in steps[1][1]


@pytest.mark.parametrize("again", [False, True])
async def test_a_dry_run_writes_nothing(store: MemoryStore, plain: Pixstore, full: Pixstore, again: bool) -> None:
    """With dry_run everything is decoded, and the store stays as it is."""
    ids = [(await plain.save_image(data)).id for data in (WIDE, picture("png")[:-20] + bytes(4) + picture("png")[-16:])]
    before = await stored(store)
    assert [outcome for outcome, _ in await ended(full, *ids, again=again, dry_run=True)] == ["MOVED", "LEFT"]
    assert await stored(store) == before


Between = Callable[[Pixstore, str], Awaitable[object]]


def meanwhile(pix: Pixstore, other: Pixstore, between: Between, *, times: int = 1) -> Backfill:
    """Return a function that completes images of one Pixstore, while another one changes each image after it
    was read.
    """
    left = [between] * times

    async def read(image_id: str) -> ExportedImage | None:
        found = await pix.export_image(image_id)
        if left:
            await left.pop()(other, image_id)
        return found

    return Backfill(parts_of(pix).store, parts_of(pix).life.opened, read, pix._options)


async def update(pix: Pixstore, image_id: str) -> None:
    await pix.update_image(image_id, picture("jpeg", 40, seed=5))


async def test_nothing_is_made_of_a_version_that_is_over(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """Where an image is updated between its reading and the writing, what was made of it is refused, and nothing of the
    old picture stands beside the new one."""
    image_id = (await plain.save_image(WIDE)).id
    with pytest.raises(StoreConflict):
        await meanwhile(full, plain, update).complete(image_id)
    assert list(await stored(store)) == [image_id]
    with pytest.raises(StoreConflict):
        await meanwhile(full, full, update).complete(image_id)
    record = await record_of(full, image_id)
    assert await shows(full, record, picture("jpeg", 40, seed=5))


@pytest.mark.parametrize("updates", ["full", "plain"])
async def test_an_image_that_is_updated_meanwhile_is_tried_again(plain: Pixstore, full: Pixstore, updates: str) -> None:
    """It is complete in the end, by the update or by another try; one that changes all the time is told."""
    image_id = (await plain.save_image(WIDE)).id
    by = {"full": full, "plain": plain}[updates]
    full._backfill = meanwhile(full, by, update)
    assert await ended(full, image_id) == [("PRESENT" if by is full else "MOVED", "")]
    assert await shows(full, await record_of(full, image_id), picture("jpeg", 40, seed=5))
    full._backfill = meanwhile(full, plain, update, times=3)
    assert await ended(full, image_id, again=True) == [("LEFT", "it is updated too often: run the same command again")]


async def test_of_two_at_once_none_undoes_the_other(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """A placeholder that another run has made meanwhile stays, though this one makes none."""
    image_id = (await plain.save_image(WIDE)).id
    async with Pixstore(store, secret=SECRET, check_pixels=True) as sizes:
        sizes._backfill = meanwhile(sizes, full, lambda pix, image_id: parts_of(pix).backfill.complete(image_id))
        assert await ended(sizes, image_id) == [("PRESENT", "")]
    assert (await record_of(full, image_id)).placeholder is not None


async def test_a_rewrapping_undoes_nothing(
    store: MemoryStore, plain: Pixstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variants that are made just before a key is replaced stay, and the next pass replaces the key."""
    image_id = (await plain.save_image(WIDE)).id
    replace_wrapped_keys = store.replace_wrapped_keys

    async def complete_first(wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes] = ()) -> int:
        monkeypatch.undo()
        await parts_of(blurred).backfill.complete(image_id)
        return await replace_wrapped_keys(wrapped, checks=checks)

    blurred = Pixstore(store, secret=SECRET, placeholder=True)
    async with blurred, Pixstore(store, secret=[SECRET, OTHER_SECRET]) as newer:
        monkeypatch.setattr(store, "replace_wrapped_keys", complete_first)
        await newer.rewrap_keys()
        record = await record_of(newer, image_id)
        assert (record.width, record.placeholder is not None) == (48, True)
        (key_id,) = await store.key_usage()
        assert key_id == parts_of(newer).life.ring.signing.key_id  # type: ignore[union-attr]


async def test_an_image_that_is_deleted_meanwhile_stays_so(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """No variant brings anything of a deleted image back, and nothing is told of it."""
    image_id = (await plain.save_image(WIDE)).id
    full._backfill = meanwhile(full, plain, Pixstore.delete_image)
    assert await ended(full, image_id, "never-there", f"{image_id}~thumb", "../x") == []
    assert await stored(store) == {}


async def test_details_of_an_old_version_are_refused(store: MemoryStore, plain: Pixstore) -> None:
    """Width and height of a picture that was replaced meanwhile never describe the new one."""
    image_id = (await plain.save_image(WIDE)).id
    async with Pixstore(store, secret=SECRET, check_pixels=True) as sizes:
        with pytest.raises(StoreConflict, match="was updated meanwhile"):
            await meanwhile(sizes, plain, update).complete(image_id)
    assert (await record_of(plain, image_id)).width is None


async def test_a_revoked_image_stays_revoked(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """Variants that are made later have the epoch of their original."""
    image_id = (await plain.save_image(WIDE)).id
    await plain.revoke(image_id)
    await ended(full, image_id)
    assert {image.epoch for image in (await stored(store)).values()} == {1}


async def test_a_run_that_is_stopped_leaves_nothing_behind(plain: Pixstore, full: Pixstore) -> None:
    """Left in the middle it ends its tasks, and the next run makes the rest."""
    ids = [(await plain.save_image(picture("jpeg", seed=seed))).id for seed in range(12)]
    before = asyncio.all_tasks()
    steps = make_variants(full, ids)
    first = await anext(steps)
    await steps.aclose()
    assert asyncio.all_tasks() == before
    outcomes = await ended(full, *ids)
    assert {name for name, _ in outcomes} <= {"MOVED", "PRESENT"}
    assert outcomes[ids.index(first.image_id)] == ("PRESENT", "")


async def test_a_failing_store_ends_a_run(
    store: MemoryStore, plain: Pixstore, full: Pixstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the store, not of one image, is raised, even with many images under way."""
    ids = [(await plain.save_image(picture("jpeg", seed=seed))).id for seed in range(6)]

    async def fail(image_id: str, version: bytes) -> ImageWriter:
        raise StoreError("the disk is full")

    monkeypatch.setattr(store, "begin_write", fail)
    before = asyncio.all_tasks()
    with pytest.raises(StoreError, match="the disk is full"):
        await ended(full, *ids)
    assert asyncio.all_tasks() == before


async def test_a_pixstore_that_makes_nothing_is_told(plain: Pixstore) -> None:
    """Without variants, placeholder or checked pixels there is nothing to make, which is an error that names these."""
    with pytest.raises(ConfigError, match="decodes no images: give it variants"):
        await ended(plain, "a")
    with pytest.raises(ConfigError):
        await parts_of(plain).backfill.complete("a")


async def test_a_variant_taken_over_is_of_its_original(plain: Pixstore, full: Pixstore) -> None:
    """import_image takes a variant's id with its original's token: no other version, no higher or lower token of its
    own, and no variant of a variant comes of it."""
    record = await plain.save_image(WIDE)
    thumb = f"{record.id}~thumb"
    with pytest.raises(ImageNotFound, match="'gone'"):
        await plain.import_image("gone~thumb", picture(), token=1)
    with pytest.raises(StoreConflict):
        await plain.import_image(thumb, picture(), token=record.token, if_token=record.token - 1)
    saved = await full.import_image(thumb, picture(), token=record.token, if_token=record.token)
    assert (saved.id, saved.token, saved.width, saved.variants) == (thumb, record.token, 48, {})
    with pytest.raises(StoreConflict, match="can only rise"):
        await plain.import_image(thumb, picture("webp"), token=record.token)
    assert (await plain.import_image(thumb, picture("webp"), token=record.token + 1)).token == record.token + 1
    exported = await plain.export_image(thumb)
    assert exported is not None
    assert exported.image.data == picture("webp")
    assert [info.id for info in await plain.list_images()] == [record.id]
    assert [info.id for info in await plain.list_images(variants=True)] == [record.id, thumb]


async def test_errors_of_variants_name_them(store: MemoryStore, plain: Pixstore, full: Pixstore) -> None:
    """Where a variant's stored bytes were changed, the reason says which."""
    record = await plain.save_image(WIDE)
    await plain.import_image(f"{record.id}~thumb", picture(), token=record.token)
    version = store._versions[f"{record.id}~thumb"]
    store._versions[f"{record.id}~thumb"] = replace(version, body=b"x" * version.meta.size)
    with pytest.raises(IntegrityError, match="its variant thumb: the image fails authentication"):
        await parts_of(full).backfill.complete(record.id)


async def test_backfill_crops_around_the_variants_own_focus(store: MemoryStore, plain: Pixstore) -> None:
    """A cropped variant is added with its size in the record, and again after a save that had a focus of its own."""
    output = io.BytesIO()
    picture = Image.new("RGB", (96, 48), "blue")
    picture.paste("red", (0, 0, 48, 48))
    picture.save(output, "png")
    old = await plain.save_image(output.getvalue())
    avatar = Variant("avatar", 24, 24, format="png", fit="cover", focus=(0, 0))
    async with Pixstore(store, secret=SECRET, variants=(avatar,)) as pix:
        new = await pix.save_image(output.getvalue(), focus=(1, 1))
        assert await ended(pix, old.id, new.id) == [("MOVED", ""), ("PRESENT", "")]
        seen = [await pixels(pix, f"{record.id}~avatar") for record in (old, new)]
        assert [each.getpixel((12, 12)) for each in seen] == [(255, 0, 0), (0, 0, 255)]
        assert await ended(pix, new.id, again=True) == [("MOVED", "")]
        assert (await pixels(pix, f"{new.id}~avatar")).getpixel((12, 12)) == (255, 0, 0)
        made = (await record_of(pix, old.id)).variants["avatar"]
        assert (made.width, made.height) == (24, 24)
