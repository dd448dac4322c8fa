"""The tools of pixstore_asgi.testing for the tests of an application, which show the same as a browser."""

import asyncio
import gc
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, RecordsApp, Variant, WireState
from pixstore_asgi.core.formats import FORMAT_BYTES
from pixstore_asgi.errors import InputError, IntegrityError, RecordError, SecretError, WireError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.testing import (
    SAMPLES,
    SECRET,
    FixedClock,
    MemoryPixstore,
    NoImage,
    SealedPage,
    image_in,
    proof_headers,
)
from tests.support.asgi import client
from tests.support.payloads import body_of
from tests.support.samples import OTHER_SECRET


@pytest.fixture
def pixstore() -> MemoryPixstore:
    return MemoryPixstore()


async def payload_of(pix: MemoryPixstore, record: ImageRecord) -> bytes:
    return await body_of(await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof))


# Connections


@pytest.mark.parametrize("connection", [object(), "a session", 0])
async def test_any_connection_is_taken(pixstore: MemoryPixstore, connection: object) -> None:
    """Code that writes within a transaction runs without a database; a Pixstore on a MemoryStore refuses it."""
    record = await pixstore.save_image(SAMPLES["png"], connection=connection)
    record = await pixstore.update_image(record.id, SAMPLES["webp"], connection=connection)
    assert image_in(record, await payload_of(pixstore, record)) == SAMPLES["webp"]
    assert await pixstore.delete_image(record.id, connection=connection)
    assert not await pixstore.image_exists(record.id)
    with pytest.raises(InputError, match="connection needs a store in PostgreSQL"):
        await Pixstore(MemoryStore(), secret=SECRET).save_image(SAMPLES["png"], connection=connection)


# Samples


def test_there_is_a_sample_of_every_format() -> None:
    """Each is a picture of 16 by 12 pixels in the format of its name, and a few hundred bytes long."""
    assert SAMPLES.keys() == FORMAT_BYTES.keys()
    for name, data in SAMPLES.items():
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            assert (picture.format, picture.size) == ({"jpg": "JPEG"}.get(name, name.upper()), (16, 12))
        assert len(data) < 400


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_taken_and_decoded(name: str) -> None:
    """A Pixstore that decodes pictures accepts each sample, and its processes end with the call."""
    pix = MemoryPixstore(image_formats=list(SAMPLES), variants=[Variant("thumb", width=8)], placeholder=True)
    record = pix.run(pix.save_image(SAMPLES[name]))
    assert (record.width, record.height, record.variants["thumb"].width) == (16, 12, 8)
    payload = pix.run(payload_of(pix, record))
    assert image_in(record, payload) == SAMPLES[name]
    gc.collect()  # a process or socket that was left is a warning, and an error here


# Clock


async def test_tokens_and_proofs_go_by_the_clock(pixstore: MemoryPixstore) -> None:
    """A record made at the start of a window has the clock's time as its token, and lives for two windows."""
    record = await pixstore.save_image(SAMPLES["png"])
    assert record.token == pixstore.clock.now_ms
    assert record.proof_expires_at == pixstore.clock.now_ms + 40_000
    pixstore.clock.advance(5)
    assert (await pixstore.update_image(record.id, SAMPLES["png"])).token == record.token + 5


async def test_a_proof_is_good_until_the_clock_is_put_there(pixstore: MemoryPixstore) -> None:
    """One millisecond before `expire` the proof is good, after it it is not, and the clock never goes back."""
    record = await pixstore.save_image(SAMPLES["png"])
    pixstore.clock.advance(39_999)
    assert image_in(record, await payload_of(pixstore, record)) == SAMPLES["png"]
    pixstore.clock.expire(record)
    assert pixstore.clock.now_ms == record.proof_expires_at
    with pytest.raises(NoImage, match="the answer holds no image: InvalidProof") as refused:
        image_in(record, await payload_of(pixstore, record))
    assert refused.value.state is WireState.INVALID_PROOF
    pixstore.clock.advance(1)
    pixstore.clock.expire(record)
    assert pixstore.clock.now_ms == record.proof_expires_at + 1


async def test_a_proof_that_does_not_expire_says_so() -> None:
    """Where proofs are not checked there is no moment to go to."""
    pix = MemoryPixstore(proof_window_ms=-1)
    record = await pix.save_image(SAMPLES["png"])
    with pytest.raises(InputError, match="does not expire"):
        pix.clock.expire(record)


async def test_the_clock_takes_a_record_as_it_comes_in_json(pixstore: MemoryPixstore) -> None:
    """The answer of an application, parsed from JSON, is as good as a record; anything else is refused."""
    record = await pixstore.save_image(SAMPLES["png"])
    pixstore.clock.expire(json.loads(json.dumps(record)))
    assert pixstore.clock.now_ms == record.proof_expires_at
    with pytest.raises(RecordError):
        pixstore.clock.expire({"id": record.id})


async def test_two_runs_have_the_same_times_and_the_same_secret() -> None:
    """Two that share a clock give the same token, and a secret is another one only where it is given."""
    clock = FixedClock(1_700_000_000_000)
    one, other = MemoryPixstore(clock=clock), MemoryPixstore(clock=clock, secret=OTHER_SECRET)
    records = [await pix.save_image(SAMPLES["png"]) for pix in (one, other, MemoryPixstore())]
    assert [record.token for record in records] == [1_700_000_000_000, 1_700_000_000_000, FixedClock().now_ms]
    await Pixstore(parts_of(one).store, secret=SECRET).open()
    with pytest.raises(SecretError):
        await Pixstore(parts_of(other).store, secret=SECRET).open()


# Answers, as a page reads them


async def test_an_answer_is_read_as_a_page_reads_it(pixstore: MemoryPixstore) -> None:
    """Of Success and of Updated there is the image, by a record that came in JSON too; of a refusal there is none."""

    async def answer(record: Mapping[str, Any]) -> bytes:
        async with client(PixstoreApp(pixstore)) as http:
            return (await http.get(f"/{record['id']}", headers=proof_headers(record))).content

    old = await pixstore.save_image(SAMPLES["png"])
    assert proof_headers(old) == {"x-pixstore-proof": old.stateless_proof, "x-pixstore-token": str(old.token)}
    as_json = json.loads(json.dumps(old))
    assert image_in(as_json, await answer(as_json)) == SAMPLES["png"]
    await pixstore.update_image(old.id, SAMPLES["webp"])
    assert image_in(old, await answer(old)) == SAMPLES["webp"]
    await pixstore.delete_image(old.id)
    with pytest.raises(NoImage) as refused:
        image_in(old, await answer(old))
    assert refused.value.state is WireState.NOT_FOUND


async def test_a_damaged_or_foreign_answer_is_refused(pixstore: MemoryPixstore) -> None:
    """Another byte, another image's record, a body that breaks off and an update to the same version all fail."""
    record, other = [await pixstore.save_image(SAMPLES[name]) for name in ("png", "webp")]
    body = await payload_of(pixstore, record)
    for damaged in (body[:-1] + bytes([body[-1] ^ 1]), body[:-1]):
        with pytest.raises(IntegrityError):
            image_in(record, damaged)
    with pytest.raises(IntegrityError):
        image_in(other, body)
    with pytest.raises(WireError):
        image_in(record, body[:1])
    newer = await pixstore.update_image(record.id, SAMPLES["webp"])
    updated = await payload_of(pixstore, record)
    with pytest.raises(WireError, match="itself"):
        image_in(newer, updated)


# Sealed records


async def test_a_page_opens_its_sealed_records() -> None:
    """A record that RecordsApp seals to the page's header opens with its variants, and image_in reads the images."""
    pix, page = MemoryPixstore(records="sealed", variants=[Variant("thumb", width=8)]), SealedPage()
    saved = await pix.save_image(SAMPLES["png"], recipient=page.recipient)
    async with client(RecordsApp(pix, lambda scope, image_id: True)) as http:
        answer = await http.get("/", params={"id": saved.id}, headers=page.headers)
    for record in (saved, answer.json()[saved.id]):
        opened = page.open(record)
        assert image_in(opened, await payload_of(pix, opened)) == SAMPLES["png"]
        assert image_in(opened.variants["thumb"], await payload_of(pix, opened.variants["thumb"]))
        assert "sealed" in record["meta"]


async def test_a_page_opens_no_other_record(pixstore: MemoryPixstore) -> None:
    """A plain record, another page's record and a changed one raise RecordError with the reason sealed."""
    page = SealedPage()
    plain = await pixstore.save_image(SAMPLES["png"])
    sealed = await pixstore.save_image(SAMPLES["png"], recipient=page.recipient)
    foreign = await pixstore.save_image(SAMPLES["png"], recipient=SealedPage().recipient)
    for record in (plain, foreign, sealed | {"token": sealed.token + 1}):
        with pytest.raises(RecordError) as refused:
            page.open(record)
        assert refused.value.reason == "sealed"
    with pytest.raises(RecordError, match="sealed"):
        image_in(sealed, await payload_of(pixstore, sealed))


# Event loops


def test_images_outlive_an_event_loop(pixstore: MemoryPixstore) -> None:
    """An image saved in one loop is read in the next, and in one that is open at the same time."""
    record = pixstore.run(pixstore.save_image(SAMPLES["png"]))
    assert asyncio.run(pixstore.image_exists(record.id))

    async def in_application() -> bytes:
        async with pixstore:
            saved = await asyncio.to_thread(lambda: pixstore.run(pixstore.save_image(SAMPLES["webp"])))
            return image_in(saved, await payload_of(pixstore, saved))

    assert asyncio.run(in_application()) == SAMPLES["webp"]
    assert pixstore.run(pixstore.image_exists(record.id))
