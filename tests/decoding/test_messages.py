"""Replies of workers, which may have been taken over by the picture."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi.decoding.messages import read_reply, write_refusal, write_reply
from pixstore_asgi.decoding.task import Decoded, EncodedVariant, Limits, Refusal, Variant
from tests.decoding.made import task

TASK = task(Variant("a", 30), Variant("b", None, 10, "avif"), placeholder=True)
HONEST = Decoded(
    60, 40, b"hash!", {"a": EncodedVariant(b"first", "webp", 30, 20), "b": EncodedVariant(b"second", "avif", 15, 10)}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def reply(head: object, body: bytes = b"") -> memoryview:
    text = json.dumps(head).encode()
    return memoryview(struct.pack(">I", len(text)) + text + body)


def honest_head() -> dict[str, object]:
    written = write_reply(HONEST)
    head: dict[str, object] = json.loads(written[4 : 4 + int.from_bytes(written[:4])])
    return head


def test_an_honest_reply_is_read() -> None:
    """The application reads the same reply that a worker writes."""
    assert read_reply(memoryview(write_reply(HONEST)), TASK) == HONEST
    for refusal in Refusal:
        assert read_reply(memoryview(write_refusal(refusal)), TASK) is refusal
        assert refusal.text("png", Limits())


@given(st.binary(max_size=200))
def test_bytes_that_are_no_reply_are_a_value_error(data: bytes) -> None:
    """Arbitrary bytes raise nothing but ValueError."""
    with pytest.raises(ValueError, match=r"\w"):
        read_reply(memoryview(data), TASK)


@given(JSON, st.binary(max_size=20))
def test_heads_that_are_none_are_a_value_error(head: object, body: bytes) -> None:
    """Any JSON of another shape is ValueError."""
    with pytest.raises(ValueError, match=r"\w"):
        read_reply(reply(head, body), TASK)


@given(st.sampled_from(["width", "height", "placeholder", "variants"]), JSON)
def test_one_field_that_cannot_be_is_a_value_error(name: str, value: object) -> None:
    """A reply with one field exchanged is not believed, unless it says the same."""
    head = honest_head()
    if head[name] == value and type(head[name]) is type(value):
        return
    with pytest.raises(ValueError, match=r"\w"):
        read_reply(reply(head | {name: value}, b"hash!firstsecond"), TASK)


@given(st.integers(0, 1), st.sampled_from(["name", "format", "width", "height", "bytes"]), JSON)
def test_one_field_of_a_variant_that_cannot_be_is_a_value_error(number: int, name: str, value: object) -> None:
    """A variant of another name, format, size or length than the task's is not believed."""
    head = honest_head()
    variants = head["variants"]
    assert isinstance(variants, list)
    if variants[number][name] == value and type(variants[number][name]) is type(value):
        return
    variants[number][name] = value
    with pytest.raises(ValueError, match=r"\w"):
        read_reply(reply(head, b"hash!firstsecond"), TASK)


@pytest.mark.parametrize("body", [b"", b"hash!first", b"hash!firstsecond-and-more"])
def test_a_reply_of_another_length_is_a_value_error(body: bytes) -> None:
    """Bytes that lack, or are too many, are not believed."""
    with pytest.raises(ValueError, match="an impossible"):
        read_reply(reply(honest_head(), body), TASK)


def test_a_head_that_is_too_long_is_a_value_error() -> None:
    """A head longer than any worker writes is not parsed, which would hold up the event loop."""
    padded = [b'{"refusal": "crash"' + b" " * (128 * 1024 - 20 + more) + b"}" for more in (0, 1)]
    fits, longer = (memoryview(struct.pack(">I", len(text)) + text) for text in padded)
    assert read_reply(fits, TASK) is Refusal.CRASH
    with pytest.raises(ValueError, match="head"):
        read_reply(longer, TASK)


def test_a_thousand_variants_fit_in_a_head() -> None:
    """No reply is too long because many variants, of long names and large sizes, are asked for."""
    many = task(*(Variant(f"{number:032}", 16_383, format="avif") for number in range(1000)))
    variants = {each.name: EncodedVariant(b"data", "avif", 16_383, 5_000) for each in many.variants}
    honest = Decoded(16_383, 5_000, None, variants)
    assert read_reply(memoryview(write_reply(honest)), many) == honest


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (Refusal.DAMAGED, "the WebP image does not decode: it is damaged"),
        (Refusal.PIXELS, "the image has more than 100 megapixels: scale it down"),
        (
            Refusal.TOTAL_PIXELS,
            "the image's frames have more than 1,000 megapixels together: shorten it or scale it down",
        ),
        (Refusal.FRAMES, "the image has more than 1,000 frames: shorten it"),
        (Refusal.MEMORY, "the image takes more memory to decode than 1 GiB: scale it down"),
        (
            Refusal.TIME,
            "the image takes longer to decode than 20 s of processor time or 60 s in all: scale it down",
        ),
    ],
)
def test_who_sends_a_picture_is_told_what_to_do(refusal: Refusal, text: str) -> None:
    """Limits are told in units that people know, formats as they are written, and no option of ours is named."""
    assert refusal.text("webp", Limits()) == text


def test_json_that_is_nested_deeply_is_a_value_error() -> None:
    """A head that no parser can hold is not believed."""
    text = b"[" * 100_000
    with pytest.raises(ValueError, match="shape"):
        read_reply(memoryview(struct.pack(">I", len(text)) + text), TASK)
