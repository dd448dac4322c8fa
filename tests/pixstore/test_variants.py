"""Variants, placeholders and checked pixels: the results of a save, and their further life."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pixstore_asgi import (
    ConfigError,
    ImageNotFound,
    ImageRecord,
    InvalidImage,
    Pixstore,
    PixstoreApp,
    StoreError,
    Variant,
    WireState,
)
from pixstore_asgi.core.images import RewrappedKey
from pixstore_asgi.core.padding import bucket_bytes
from pixstore_asgi.errors import InputError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.decoding.processes import fork_servers
from tests.support.asgi import client
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.payloads import served
from tests.support.requests import headers
from tests.support.samples import SECRET, picture

pytestmark = pytest.mark.slow

VARIANTS = (Variant("thumb", width=16), Variant("card", width=32, format="webp"))

HUGE = struct.pack(">II", 60_000, 60_000) + picture("png")[24:29]
BROKEN = {
    "a wrong checksum": picture("png")[:-20] + bytes(4) + picture("png")[-16:],
    "too many pixels": picture("png")[:16] + HUGE + zlib.crc32(b"IHDR" + HUGE).to_bytes(4) + picture("png")[33:],
}


@pytest.fixture
async def gallery(tmp_path: Path) -> AsyncIterator[Pixstore]:
    """A Pixstore that makes two variants and a placeholder of every picture."""
    store = SqliteStore(tmp_path / "images.db")
    async with Pixstore(store, secret=SECRET, variants=VARIANTS, placeholder=True) as pix:
        yield pix


async def size_of(pix: Pixstore, record: ImageRecord) -> tuple[int, int]:
    state, data = await served(pix, record)
    assert state is WireState.SUCCESS
    return Image.open(io.BytesIO(data)).size


async def test_a_save_makes_all_variants(gallery: Pixstore) -> None:
    """The record of a save has width, height, a placeholder, and a record of every variant, which is served."""
    record = await gallery.save_image(picture("jpeg", 48))
    assert (record.width, record.height) == (48, 48)
    assert record.placeholder
    assert list(record.variants) == ["thumb", "card"]
    thumb, card = record.variants["thumb"], record.variants["card"]
    assert (thumb.id, card.id) == (f"{record.id}~thumb", f"{record.id}~card")
    assert await size_of(gallery, thumb) == (thumb.width, thumb.height) == (16, 16)
    assert await size_of(gallery, card) == (card.width, card.height) == (32, 32)
    assert len({record.key, thumb.key, card.key}) == 3
    assert await served(gallery, record) == (WireState.SUCCESS, picture("jpeg", 48))


async def test_records_carry_variants_by_one_query(gallery: Pixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of many images have those of all their variants, and cost the store one question."""
    saved = [await gallery.save_image(picture("jpeg", 48, seed)) for seed in range(3)]
    asked = []
    get_many = parts_of(gallery).store.get_many

    async def counted(image_ids: Any) -> Any:
        asked.append(image_ids)
        return await get_many(image_ids)

    monkeypatch.setattr(parts_of(gallery).store, "get_many", counted)
    records = await gallery.get_image_records([record.id for record in saved])
    assert len(asked) == 1
    for record in saved:
        again = records[record.id]
        assert again["meta"] == record["meta"]
        assert {name: each["meta"] for name, each in again.variants.items()} == {
            name: each["meta"] for name, each in record.variants.items()
        }
        assert (again.width, again.height, again.placeholder) == (48, 48, record.placeholder)
    one = await gallery.get_image_record(saved[0].id, audience="ada")
    assert one is not None
    assert one.variants.keys() == {"thumb", "card"}


async def test_what_was_seen_of_a_picture_is_sealed(gallery: Pixstore, tmp_path: Path) -> None:
    """Neither the placeholder nor width and height stand in the database in clear."""
    record = await gallery.save_image(picture("jpeg", 48))
    assert record.placeholder
    await gallery.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert record.id.encode() in files
    assert record.placeholder not in files
    assert (48).to_bytes(4) * 2 not in files


@pytest.mark.parametrize("kind", BROKEN)
async def test_what_does_not_decode_is_not_stored(gallery: Pixstore, kind: str) -> None:
    """A picture with a whole container and truncated pixels is InvalidImage, and nothing of it is stored."""
    with pytest.raises(InvalidImage):
        await gallery.save_image(BROKEN[kind])
    assert await gallery.list_images() == []
    record = await gallery.save_image(picture("jpeg", 48))
    with pytest.raises(InvalidImage):
        await gallery.update_image(record.id, BROKEN[kind])
    assert (await served(gallery, record))[0] is WireState.SUCCESS


async def test_what_came_is_decoded_and_not_what_stripping_leaves() -> None:
    """A picture that is damaged where stripping takes something out is refused all the same."""
    text = b"tEXt" + b"Comment\0here"
    damaged = len(text[4:]).to_bytes(4) + text + bytes(4)
    data = picture("png")[:33] + damaged + picture("png")[33:]
    async with Pixstore(MemoryStore(), secret=SECRET, strip_metadata=True) as pix:
        record = await pix.save_image(data)
        assert await served(pix, record) == (WireState.SUCCESS, picture("png"))
    async with Pixstore(MemoryStore(), secret=SECRET, strip_metadata=True, check_pixels=True) as pix:
        with pytest.raises(InvalidImage):
            await pix.save_image(data)


async def test_a_damaged_variant_is_left_out(gallery: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """Where the row of a variant was changed the record of its image goes without it, and the log tells."""
    record = await gallery.save_image(picture("jpeg", 48))
    (thumb,) = (await parts_of(gallery).store.get_many([record.variants["thumb"].id])).values()
    changed = thumb.meta.wrapped_key[:-1] + bytes([thumb.meta.wrapped_key[-1] ^ 1])
    await parts_of(gallery).store.replace_wrapped_keys([RewrappedKey(thumb.id, thumb.meta.version, changed)])
    found = await gallery.get_image_record(record.id)
    assert found is not None
    assert list(found.variants) == ["card"]
    assert f"a record lacks a variant: the stored row of image {thumb.id} was changed" in caplog.text


async def test_an_update_replaces_all_variants(gallery: Pixstore) -> None:
    """After an update every variant is of the new picture; old records of variants lead to the new ones."""
    record = await gallery.save_image(picture("jpeg", 48))
    updated = await gallery.update_image(record.id, picture("jpeg", 40))
    assert (updated.width, updated.variants["thumb"].width) == (40, 16)
    assert updated.variants["thumb"].token > record.variants["thumb"].token
    for name in ("thumb", "card"):
        assert (await served(gallery, record.variants[name]))[0] is WireState.UPDATED
        assert (await served(gallery, updated.variants[name]))[0] is WireState.SUCCESS


async def test_an_update_without_variants_leaves_none(gallery: Pixstore, tmp_path: Path) -> None:
    """Where an update makes no variants those of the picture before are gone: a record never mixes two pictures."""
    record = await gallery.save_image(picture("jpeg", 48))
    async with Pixstore(tmp_path / "images.db", secret=SECRET) as other:
        updated = await other.update_image(record.id, picture("jpeg", 40))
    assert (updated.variants, updated.width) == ({}, None)
    found = await gallery.get_image_record(record.id)
    assert found is not None
    assert "variants" not in found
    assert (await served(gallery, record.variants["thumb"]))[0] is WireState.NOT_FOUND


async def test_a_delete_takes_all_variants(gallery: Pixstore) -> None:
    """A deleted image leaves none of its variants."""
    record = await gallery.save_image(picture("jpeg", 48))
    assert await gallery.delete_image(record.id)
    for each in (record, *record.variants.values()):
        assert (await served(gallery, each))[0] is WireState.NOT_FOUND


async def test_revoke_and_reseal_reach_all_variants(gallery: Pixstore) -> None:
    """Revoking ends the proofs of variants too. Resealing gives them new keys and keeps their pixels."""
    record = await gallery.save_image(picture("jpeg", 48))
    assert await gallery.revoke(record.id) == 1
    for each in (record, *record.variants.values()):
        assert (await served(gallery, each))[0] is WireState.INVALID_PROOF
    resealed = await gallery.reseal_image(record.id)
    assert resealed.variants.keys() == record.variants.keys()
    assert (resealed.width, resealed.placeholder) == (record.width, record.placeholder)
    for name, each in resealed.variants.items():
        assert each.key != record.variants[name].key
        assert await size_of(gallery, each) == (each.width, each.height)


async def test_a_directory_is_revoked_by_images(gallery: Pixstore) -> None:
    """Revoking a directory returns the number of its images, not counting variants."""
    for seed in range(2):
        await gallery.save_image(picture("jpeg", 48, seed), directory="ada")
    assert await gallery.revoke(directory="ada") == 2


async def test_variants_are_no_images_of_the_application(gallery: Pixstore) -> None:
    """No list has them unasked, and no record or write takes their ids: they come and go with their original."""
    record = await gallery.save_image(picture("jpeg", 48), directory="ada")
    thumb = record.variants["thumb"].id
    assert [image.id for image in await gallery.list_images()] == [record.id]
    assert [image.id for image in await gallery.list_images(directory="ada")] == [record.id]
    assert await gallery.get_image_record(thumb) is None
    assert await gallery.get_image_records([thumb]) == {}
    assert not await gallery.delete_image(thumb)
    for call in (gallery.update_image(thumb, picture()), gallery.reseal_image(thumb), gallery.revoke(thumb)):
        with pytest.raises(ImageNotFound, match="is a variant"):
            await call


async def test_what_a_list_names_can_be_read(gallery: Pixstore) -> None:
    """Each id that list_images gives, a variant's too, exists and is read; after a delete of the original none is."""
    record = await gallery.save_image(picture("jpeg", 48))
    listed = [info.id for info in await gallery.list_images(variants=True)]
    assert listed == [record.id, record.variants["card"].id, record.variants["thumb"].id]
    for image_id, size in zip(listed, (48, 32, 16), strict=True):
        assert await gallery.image_exists(image_id)
        read = await gallery.read_image(image_id)
        assert read is not None
        assert Image.open(io.BytesIO(read.data)).size == (size, size)
    await gallery.delete_image(record.id)
    for image_id in (*listed, "~thumb", "a~b~c", "a~"):
        assert not await gallery.image_exists(image_id)
        assert await gallery.read_image(image_id) is None


async def test_a_rule_is_asked_for_the_original(gallery: Pixstore) -> None:
    """`authorize` and `authorize_many` know the application's ids alone: for a variant they get its original's."""
    record = await gallery.save_image(picture("jpeg", 48))
    thumb, asked = record.variants["thumb"], list[Any]()

    def authorize(scope: Any, image_id: str) -> bool:
        asked.append(image_id)
        return True

    def authorize_many(scope: Any, image_ids: list[str]) -> list[str]:
        asked.append(image_ids)
        return image_ids

    async with client(PixstoreApp(gallery, authorize=authorize)) as http:
        assert (await http.get(f"/{thumb.id}", headers=headers(thumb))).content[0] == WireState.SUCCESS
    async with client(PixstoreApp(gallery, authorize_many=authorize_many)) as http:
        assert (await http.get(f"/{thumb.id}", headers=headers(thumb))).content[0] == WireState.SUCCESS
        batch = body_of(*map(entry_of, (record, thumb, record.variants["card"])))
        response = await http.post("/-/batch", content=batch, headers={"content-type": "text/plain"})
    answers = frames_of(response.content)
    assert sorted((index, body[0]) for index, _, body in answers) == [(index, WireState.SUCCESS) for index in range(3)]
    assert asked == [record.id, [record.id], [record.id]]


async def test_ids_of_variants_may_come_encoded(gallery: Pixstore) -> None:
    """The mark in a variant's id may come as %7E in the image's path; public ciphertext has one URL only, with `~`."""
    record = (await gallery.save_image(picture("jpeg", 48))).variants["thumb"]
    image = await parts_of(gallery).store.get(record.id)
    assert image is not None
    encoded, version = record.id.replace("~", "%7E"), image.meta.version.hex()
    async with client(PixstoreApp(gallery, public_ciphertext=True)) as http:
        assert (await http.get(f"/{encoded}", headers=headers(record))).content[0] == WireState.SUCCESS
        for image_id, status in ((encoded, 404), (record.id, 200)):
            assert (await http.get(f"/-/blob/{version}?id={image_id}")).status_code == status


async def test_every_length_is_padded(tmp_path: Path) -> None:
    """With pad_to="bucket" the ciphertexts of original and variants are as long as a bucket, and decode as before."""
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET, variants=VARIANTS, pad_to="bucket") as pix:
        record = await pix.save_image(picture("jpeg", 48))
        for image in await store.list():
            assert bucket_bytes(image.meta.size) == image.meta.size
        assert await size_of(pix, record.variants["thumb"]) == (16, 16)
        assert await size_of(pix, record) == (48, 48)


async def test_records_go_through_their_schema(gallery: Pixstore) -> None:
    """A record that is parsed again has the same fields, including variants."""
    record = await gallery.save_image(picture("jpeg", 48))
    assert ImageRecord.parse(record) == record
    assert str(record.key) not in repr(record.variants)


async def test_pixels_are_checked_alone() -> None:
    """check_pixels refuses pictures that do not decode, and records carry width and height."""
    async with Pixstore(MemoryStore(), secret=SECRET, check_pixels=True) as pix:
        record = await pix.save_image(picture("webp", 48))
        assert (record.width, record.height, record.placeholder, record.variants) == (48, 48, None, {})
        with pytest.raises(InvalidImage):
            await pix.save_image(BROKEN["a wrong checksum"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variants": [Variant("a", width=1), Variant("a", width=2)]}, "the same name"),
        ({"variants": ["thumb"]}, r"Variant\(…\)"),
        ({"variants": Variant("thumb", width=1)}, "must be a list or tuple"),
        ({"variants": None}, "must be a list or tuple"),
        ({"pad_to": "buckets"}, 'pad_to must be "bucket"'),
    ],
)
def test_options_that_can_not_be_are_refused(options: Any, message: str) -> None:
    """A mistake in the options is told when the Pixstore is made."""
    with pytest.raises(ConfigError, match=message):
        Pixstore("unopened.db", **options)


async def test_an_upload_that_outlives_its_store_starts_no_process() -> None:
    """A picture with last bytes that arrive after the close is refused before it is decoded."""
    pix = Pixstore(MemoryStore(), secret=SECRET, variants=(Variant("thumb", width=8),))
    await pix.open()

    async def upload() -> AsyncIterator[bytes]:
        yield picture()[:50]
        await pix.close()
        yield picture()[50:]

    with pytest.raises(StoreError, match="was closed"):
        await pix.save_image(upload())
    assert fork_servers() == []


AVATAR = Variant("avatar", 24, 24, format="png", fit="cover", focus=(0, 0.5))
LEFT, RIGHT = (255, 0, 0), (0, 0, 255)


def halves() -> bytes:
    """Return a picture of 96 by 48 pixels, red on the left and blue on the right."""
    output = io.BytesIO()
    picture = Image.new("RGB", (96, 48), RIGHT)
    picture.paste(LEFT, (0, 0, 48, 48))
    picture.save(output, "png")
    return output.getvalue()


async def colour_of_avatar(pix: Pixstore, record: ImageRecord) -> Any:
    avatar = record.variants["avatar"]
    assert (avatar.width, avatar.height) == (24, 24)
    state, data = await served(pix, avatar)
    assert state is WireState.SUCCESS
    return Image.open(io.BytesIO(data)).convert("RGB").getpixel((12, 12))


async def test_a_focus_belongs_to_one_save(tmp_path: Path) -> None:
    """A save and an update crop around their own focus, and without one around that of the variant."""
    (tmp_path / "halves.png").write_bytes(halves())
    async with Pixstore(MemoryStore(), secret=SECRET, variants=(*VARIANTS, AVATAR)) as pix:
        record = await pix.save_image(halves())
        assert (record.width, record.height, record.variants["thumb"].height) == (96, 48, 8)
        assert await colour_of_avatar(pix, record) == LEFT
        right = (1, 0.5)
        assert await colour_of_avatar(pix, await pix.save_image(halves(), focus=right)) == RIGHT
        assert await colour_of_avatar(pix, await pix.update_image(record.id, halves(), focus=right)) == RIGHT
        assert await colour_of_avatar(pix, await pix.update_image(record.id, halves())) == LEFT
        path = tmp_path / "halves.png"
        assert await colour_of_avatar(pix, await pix.save_image_from_file(path, focus=right)) == RIGHT
        assert await colour_of_avatar(pix, await pix.update_image_from_file(record.id, path, focus=right)) == RIGHT


async def test_a_focus_that_cannot_be_is_refused(gallery: Pixstore) -> None:
    """An invalid focus, and a focus if no variant is cropped, raise InputError, and nothing is stored."""
    with pytest.raises(InputError, match="no Variant with fit"):
        await gallery.save_image(halves(), focus=(0.5, 0.5))
    async with Pixstore(MemoryStore(), secret=SECRET, variants=(AVATAR,)) as pix:
        for focus in [(0.5, 2), (0.5,), "ab", (None, 1)]:
            with pytest.raises(InputError, match="two numbers from 0 to 1"):
                await pix.save_image(halves(), focus=focus)  # type: ignore[arg-type]
        assert await pix.list_images() == []
    assert await gallery.list_images() == []
