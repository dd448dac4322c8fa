"""Sealed records: every call that returns a record seals it, and no answer to one contains a key."""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import (
    ConfigError,
    ImageRecord,
    Pixstore,
    PixstoreApp,
    Variant,
    WireState,
    decode_payload,
)
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.core.images import ExportedImage
from pixstore_asgi.core.recipient import Recipient
from pixstore_asgi.errors import InputError, RecipientError, SecretError
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import client
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.requests import headers
from tests.support.samples import OTHER_SECRET, SECRET, picture
from tests.support.sealed import ReferencePage, SealedToAnother

PAGE = ReferencePage()
RECIPIENT = Recipient.parse(PAGE.text)

Save = Callable[[Pixstore, ExportedImage, Path, Recipient | None], Awaitable[ImageRecord | None]]


async def read_many(pix: Pixstore, saved: ExportedImage, path: Path, to: Recipient | None) -> ImageRecord:
    return (await pix.get_image_records([saved.id], recipient=to))[saved.id]


WRITES: dict[str, Save] = {
    "save_image": lambda pix, saved, path, to: pix.save_image(picture(), recipient=to),
    "save_image_from_file": lambda pix, saved, path, to: pix.save_image_from_file(path, recipient=to),
    "update_image": lambda pix, saved, path, to: pix.update_image(saved.id, picture(), recipient=to),
    "update_image_from_file": lambda pix, saved, path, to: pix.update_image_from_file(saved.id, path, recipient=to),
    "reseal_image": lambda pix, saved, path, to: pix.reseal_image(saved.id, recipient=to),
    "import_image": lambda pix, saved, path, to: pix.import_image("b", picture(), token=saved.token, recipient=to),
}
READS: dict[str, Save] = {
    "get_image_record": lambda pix, saved, path, to: pix.get_image_record(saved.id, recipient=to),
    "get_image_records": read_many,
}


def pixstore(**options: Any) -> Pixstore:
    return Pixstore(MemoryStore(), secret=SECRET, **options)


def with_variants(record: ImageRecord | None) -> Iterator[ImageRecord]:
    assert record is not None
    yield record
    yield from record.variants.values()


async def exported(pix: Pixstore) -> ExportedImage:
    found = await pix.export_image((await pix.save_image(picture(), recipient=RECIPIENT)).id)
    assert found is not None
    return found


def test_every_call_that_returns_a_record_takes_a_recipient() -> None:
    """The tests below call each method of Pixstore that returns a record, and each has the parameter `recipient`."""
    signatures = {name: inspect.signature(call) for name, call in vars(Pixstore).items() if inspect.isfunction(call)}
    returning = {name: each for name, each in signatures.items() if "ImageRecord" in str(each.return_annotation)}
    assert returning.keys() == {*WRITES, *READS}
    assert [name for name, each in returning.items() if "recipient" not in each.parameters] == []


async def opened(pix: Pixstore, record: ImageRecord) -> bytes:
    """Fetch the image of a sealed record and open it as the page does."""
    async with await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof) as payload:
        body = b"".join([piece async for piece in payload])
    ciphertext = decode_payload(body).ciphertext
    return unseal(key=PAGE.open(record), iv=record.iv, tag=record.tag, ciphertext=ciphertext)[1]


@pytest.mark.parametrize("records", ["plain", "sealed"])
@pytest.mark.parametrize("name", [*WRITES, *READS])
async def test_each_call_seals_to_its_recipient(tmp_path: Path, records: Any, name: str) -> None:
    """A record and its variants are sealed to the recipient, who opens their images."""
    (tmp_path / "picture").write_bytes(picture())
    async with pixstore(records=records, variants=[Variant("thumb", width=16)]) as pix:
        call = {**WRITES, **READS}[name]
        record = await call(pix, await exported(pix), tmp_path / "picture", RECIPIENT)
        found = list(with_variants(record))
        assert len(found) == 2
        for each in found:
            assert sorted(each["meta"]) == ["iv", "sealed", "tag"]
            assert await opened(pix, each)


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_without_a_recipient_gives_no_key(tmp_path: Path, name: str) -> None:
    """A background job saves without a recipient. Its record has id and token, and no page opens its key."""
    (tmp_path / "picture").write_bytes(picture())
    async with pixstore(records="sealed") as pix:
        record = await WRITES[name](pix, await exported(pix), tmp_path / "picture", None)
        assert record is not None
        assert record.token > 0
        with pytest.raises(SealedToAnother):
            PAGE.open(record)
        fresh = await pix.get_image_record(record.id, recipient=RECIPIENT)
        assert fresh is not None
        assert await opened(pix, fresh) == picture()


@pytest.mark.parametrize("name", READS)
async def test_a_record_without_a_recipient_is_refused(tmp_path: Path, name: str) -> None:
    """With records="sealed", reading a record needs a recipient. Otherwise the record is plain, as before."""
    async with pixstore(records="sealed") as pix:
        with pytest.raises(RecipientError, match="Pixstore-Recipient") as caught:
            await READS[name](pix, await exported(pix), tmp_path, None)
        assert (caught.value.reason, caught.value.http_status) == ("missing", 400)
    async with pixstore() as pix:
        record = await READS[name](pix, await exported(pix), tmp_path, None)
        assert record is not None
        assert len(record.key) == 32


@pytest.mark.parametrize("name", [*WRITES, *READS])
async def test_a_wrong_recipient_changes_nothing(tmp_path: Path, name: str) -> None:
    """A recipient that is a text, as it is in the header, is refused before anything is written."""
    async with pixstore() as pix:
        saved = await exported(pix)
        before = await pix.list_images()
        wrong: Any = PAGE.text
        with pytest.raises(InputError, match="recipient_of"):
            await {**WRITES, **READS}[name](pix, saved, tmp_path / "missing", wrong)
        assert await pix.list_images() == before


async def test_the_secret_opens_images_of_sealed_records() -> None:
    """A process with secret and database, but no key of the page, reads the picture. Another secret opens nothing."""
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET, records="sealed") as pix:
        record = await pix.save_image(picture(), recipient=RECIPIENT)
    async with Pixstore(store, secret=SECRET) as server:
        found = await server.read_image(record.id)
        assert found is not None
        assert found.data == picture()
    with pytest.raises(SecretError):
        await Pixstore(store, secret=OTHER_SECRET).open()


async def test_the_kind_of_records_is_checked() -> None:
    """records= takes its two values and no other."""
    wrong: Any = "secret"
    with pytest.raises(ConfigError, match="records"):
        pixstore(records=wrong)


async def states(pix: Pixstore, record: ImageRecord, token: int) -> set[WireState]:
    """Return the states of a GET, a HEAD and a batch with one entry."""
    sent = {**headers(record), "x-pixstore-token": str(token)}
    async with client(PixstoreApp(pix, allow_unproven=not pix.checks_proofs)) as http:
        got = await http.get(f"/{record.id}", headers=sent)
        head = await http.head(f"/{record.id}", headers=sent)
        batch = await http.post("/-/batch", content=body_of(entry_of(record, token=token)))
    (frame,) = frames_of(batch.content)
    of_head = {state for state in WireState if state.label == head.headers["x-pixstore-state"]}
    return {decode_payload(got.content).state, decode_payload(frame[2]).state, *of_head}


@pytest.mark.parametrize(
    ("options", "recipient", "refused"),
    [
        ({}, None, False),
        ({}, RECIPIENT, True),
        ({"bind_token": False}, RECIPIENT, True),
        ({"proof_window_ms": -1}, None, False),
        ({"proof_window_ms": -1}, RECIPIENT, True),
        ({"records": "sealed", "proof_window_ms": -1}, None, True),
        ({"records": "sealed", "bind_token": False}, None, True),
    ],
)
async def test_no_update_brings_a_key_to_a_sealed_record(
    options: dict[str, Any], recipient: Recipient | None, refused: bool
) -> None:
    """After an update, a sealed record gets InvalidProof in place of Updated, which contains a key in clear."""
    async with pixstore(**options) as pix:
        record = await pix.save_image(picture(), recipient=recipient)
        assert await states(pix, record, record.token) == {WireState.SUCCESS}
        await pix.update_image(record.id, picture("webp"))
        for _ in range(2):  # from the store, then from memory
            got = await states(pix, record, record.token)
            assert got == {WireState.INVALID_PROOF if refused else WireState.UPDATED}


async def test_a_plain_proof_gets_no_key_where_all_records_are_sealed() -> None:
    """During a rolling deployment, a plain record of another process shows its version, and gets no newer key."""
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET) as older, Pixstore(store, secret=SECRET, records="sealed") as pix:
        record = await older.save_image(picture())
        assert await states(pix, record, record.token) == {WireState.SUCCESS}
        await older.update_image(record.id, picture("webp"))
        assert await states(pix, record, record.token) == {WireState.INVALID_PROOF}
        assert await states(older, record, record.token) == {WireState.UPDATED}


async def test_an_older_version_serves_plain_records_of_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version before sealed records accepts only proofs of version 1: a sealed record gets InvalidProof there."""
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET) as newer, Pixstore(store, secret=SECRET) as older:
        plain, sealed = await newer.save_image(picture()), await newer.save_image(picture(), recipient=RECIPIENT)
        monkeypatch.setattr("pixstore_asgi.core.proof._SEALED", 1)  # no proof of version 2 is valid then
        assert await states(older, plain, plain.token) == {WireState.SUCCESS}
        assert await states(older, sealed, sealed.token) == {WireState.INVALID_PROOF}
