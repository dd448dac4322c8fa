"""Sealing: only the recipient opens an image key, and only with every bound field unchanged."""

import base64
from secrets import token_bytes
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi.core.images import Details, Unwrapped
from pixstore_asgi.core.recipient import CURVE, KeySealer, Recipient
from pixstore_asgi.core.record import ImageRecord
from pixstore_asgi.errors import RecipientError, RecordError
from tests.support.sealed import ReferencePage, SealedToAnother

KEY = bytes(range(100, 132))
PAGE, OTHER = ReferencePage(), ReferencePage()
RECIPIENT = Recipient.parse(PAGE.text)
FIELDS: dict[str, Any] = {"id": "players:a", "token": 7, "iv": bytes(12), "tag": bytes(16), "proof": "proof"}


PLAIN = Unwrapped(KEY)


def sealer_for(recipient: Recipient) -> KeySealer:
    return KeySealer(recipient, generate_private_key(CURVE), token_bytes)


def record_of(unwrapped: Unwrapped = PLAIN, sealer: KeySealer | None = None, **changes: Any) -> ImageRecord:
    fields = {**FIELDS, **changes}
    return ImageRecord.create(
        **fields, unwrapped=unwrapped, proof_expires_at=None, sealer=sealer or sealer_for(RECIPIENT)
    )


ids = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,128})?(~[a-z0-9_-]{1,32})?\Z")
proofs = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=512)
fields_of_records = st.fixed_dictionaries(
    {
        "id": ids,
        "token": st.integers(1, 2**53 - 1),
        "iv": st.binary(min_size=12, max_size=12),
        "tag": st.binary(min_size=16, max_size=16),
        "proof": proofs,
    }
)


@given(fields_of_records, fields_of_records, st.binary(min_size=32, max_size=32), st.sampled_from(sorted(FIELDS)))
def test_every_field_is_bound(fields: dict[str, Any], others: dict[str, Any], key: bytes, name: str) -> None:
    """The recipient opens exactly the record that was sealed; with one other field it opens nothing."""
    record = record_of(Unwrapped(key), **fields)
    assert PAGE.open(record) == key
    changed = {**fields, name: others[name]}
    other = record_of(Unwrapped(key), **changed)
    swapped = other | {"meta": {**other["meta"], "sealed": record["meta"]["sealed"]}}
    if changed == fields:
        assert PAGE.open(swapped) == key
    else:
        with pytest.raises(SealedToAnother):
            PAGE.open(swapped)


@given(st.integers(0, 124), st.integers(1, 255))
def test_every_byte_counts(place: int, flip: int) -> None:
    """A sealed key with any other byte opens nothing."""
    record = record_of()
    sealed = bytearray(record.sealed or b"")
    sealed[place] ^= flip
    text = base64.b64encode(sealed).decode()
    with pytest.raises(SealedToAnother):
        PAGE.open(record | {"meta": {**record["meta"], "sealed": text}})


def test_no_other_page_opens_it() -> None:
    """A record that is sealed to one page does not open in another."""
    with pytest.raises(SealedToAnother):
        OTHER.open(record_of())


def test_records_of_one_answer_share_their_point_and_no_nonce() -> None:
    """One ephemeral pair serves the records of one answer, and each key has its own nonce. The next answer has a new
    pair.
    """
    sealer = sealer_for(RECIPIENT)
    sealed = [record_of(sealer=sealer).sealed or b"" for _ in range(3)] + [record_of().sealed or b""]
    assert [len(each) for each in sealed] == [125] * 4
    assert sealed[0][:65] == sealed[1][:65] == sealed[2][:65] != sealed[3][:65]
    assert len({each[65:77] for each in sealed}) == 4


def test_a_sealed_record_shows_no_picture() -> None:
    """A sealed record has width and height, but no placeholder, which is a blurred picture."""
    unwrapped = Unwrapped(KEY, Details(640, 480, b"thumbhash"))
    record = record_of(unwrapped)
    assert (record.width, record.height, record.placeholder) == (640, 480, None)
    assert ImageRecord.create(**FIELDS, unwrapped=unwrapped, proof_expires_at=None).placeholder == b"thumbhash"


def test_a_sealed_record_has_no_plain_key() -> None:
    """A sealed record holds its key in no form, parses to itself, and a plain key beside the sealed one is dropped."""
    record = record_of()
    assert sorted(record["meta"]) == ["iv", "sealed", "tag"]
    assert KEY not in (record.sealed or b"")
    assert ImageRecord.parse(record) == record
    beside = record | {"meta": {**record["meta"], "key": base64.b64encode(KEY).decode()}}
    assert ImageRecord.parse(beside) == record
    with pytest.raises(RecordError) as caught:
        _ = record.key
    assert caught.value.reason == "sealed"


def test_points_are_not_shown() -> None:
    """Neither repr nor an error message shows a recipient's point."""
    text = PAGE.text[:-1] + ("A" if PAGE.text[-1] != "A" else "E")
    with pytest.raises(RecipientError) as caught:
        Recipient.parse(text)
    shown = f"{RECIPIENT!r} {RECIPIENT.point!r} {sealer_for(RECIPIENT)!r} {caught.value!r}"
    assert PAGE.text[:20] not in shown
    assert PAGE.point.hex()[:20] not in shown
    assert caught.value.http_status == 400


def text_of(coordinates: bytes) -> str:
    return base64.urlsafe_b64encode(b"\x04" + coordinates).decode().rstrip("=")


@given(st.text(max_size=100) | st.binary(min_size=64, max_size=64).map(text_of))
def test_any_other_text_is_refused(text: str) -> None:
    """Any text that is not a point of P-256 raises RecipientError and nothing else."""
    with pytest.raises(RecipientError):
        Recipient.parse(text)
