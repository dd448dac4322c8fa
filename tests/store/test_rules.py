"""The rules that stores keep, and how their refusals read."""

import re
from dataclasses import replace

import pytest

from pixstore_asgi.core.ids import MAX_TOKEN
from pixstore_asgi.errors import StoreConflict, StoreError
from pixstore_asgi.store.contract import Expect
from pixstore_asgi.store.contract_tests.steps import VERSION, meta_of
from pixstore_asgi.store.rules import check_expected, check_meta, image_of_row, next_token


@pytest.mark.parametrize(
    ("version", "expect", "text"),
    [
        (None, Expect.PRESENT, "the write to image a expected an image: there is none"),
        (VERSION, Expect.ABSENT, "there is already an image a: update it, or save under another id"),
        (VERSION, VERSION[::-1], "the write to image a expected the version that was read before: it has another"),
    ],
)
def test_a_conflict_says_what_was_expected_and_found(version: bytes | None, expect: Expect | bytes, text: str) -> None:
    """A refused write names the image, and the expected and the actual state or the remedy."""
    with pytest.raises(StoreConflict, match=text):
        check_expected("a", version, expect)


def test_meta_of_another_write_says_what_differs() -> None:
    """Meta that is not of the write is refused with both sizes, or for its version; so is one without a whole key."""
    check_meta("a", meta_of(5), version=VERSION, size=5)
    with pytest.raises(StoreError, match="image a has 6 bytes in its meta and 5 in its body"):
        check_meta("a", meta_of(6), version=VERSION, size=5)
    with pytest.raises(StoreError, match="image a has another version in its meta than in its write"):
        check_meta("a", meta_of(5, b"of-another-write"), version=VERSION, size=5)
    with pytest.raises(StoreError, match="image a has a wrapped key of less than 52 bytes in its meta"):
        check_meta("a", replace(meta_of(5), wrapped_key=bytes(51)), version=VERSION, size=5)


@pytest.mark.parametrize("image_id", ["", "a b", "\x1b[2J", "a\nb", "x" * 70_000, "a~", "a:b:c"])
def test_a_row_of_an_id_that_is_none_is_damaged(image_id: str) -> None:
    """An id that no image can have makes its row one that no store has written; it is shown escaped and cut."""
    meta = meta_of(5)
    values = [getattr(meta, name) for name in ("version", "format", "iv", "tag", "size", "sha256", "wrapped_key")]
    assert image_of_row(["a:b~thumb", 1, *values, 1, 0]).id == "a:b~thumb"
    with pytest.raises(StoreError, match=r"the stored row of image '.* is damaged") as caught:
        image_of_row([image_id, 1, *values, 1, 0])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("now_ms", "last", "given", "token"),
    [(-7, None, None, 1), (9, None, None, 9), (9, 8, None, 9), (9, 9, None, 10), (9, 20, None, 21), (9, 7, 8, 8)],
)
def test_the_next_token_is_above_the_last(now_ms: int, last: int | None, given: int | None, token: int) -> None:
    """The clock is the token where it is above the last one, else the next integer is; a given one is taken."""
    assert next_token("a", now_ms, last, given) == token


def test_tokens_that_cannot_be_say_why() -> None:
    """A given token that does not rise is a conflict; a clock beyond the largest token is to be set right."""
    for given in (0, 7, MAX_TOKEN + 1):
        with pytest.raises(StoreConflict, match=f"the token of image a can only rise: {given} is not above 7"):
            next_token("a", 9, 7, given)
    with pytest.raises(StoreError, match=re.escape("would exceed 2**53 - 1: correct the system clock")):
        next_token("a", MAX_TOKEN + 1, None, None)
