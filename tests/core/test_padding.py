"""Padding: lengths are rounded up as in Padmé, and the padding of each format is valid in it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi.core.padding import bucket_bytes, longest_within, padding

KINDS = ["png", "webp", "jpeg", "gif", "avif"]
SIZES = st.integers(1, 2**40)


def padme(length: int) -> int:
    """Algorithm 1 of the paper, for lengths with an exact logarithm in floats."""
    exponent = math.floor(math.log2(length))
    kept = math.floor(math.log2(exponent)) + 1
    mask = (1 << (exponent - kept)) - 1
    return (length + mask) & ~mask


@given(st.integers(2, 2**32))
def test_lengths_are_rounded_as_in_the_paper(size: int) -> None:
    """Every length is rounded up as by the paper's algorithm."""
    assert bucket_bytes(size) == padme(size)


@given(SIZES, SIZES)
def test_a_longer_length_has_no_shorter_bucket(one: int, other: int) -> None:
    """A bucket is at least as long as its length, and a longer length has no shorter bucket."""
    assert one <= bucket_bytes(one)
    assert (bucket_bytes(one) <= bucket_bytes(other)) or one > other


@given(SIZES)
def test_padding_again_changes_nothing(size: int) -> None:
    """An image with the length of a bucket gets no padding, in each format."""
    bucket = bucket_bytes(size)
    assert bucket_bytes(bucket) == bucket
    assert [padding(kind, bucket) for kind in KINDS] == [b""] * len(KINDS)


@given(SIZES)
def test_a_bucket_costs_little(size: int) -> None:
    """No length grows by more than 12 %, from 256 bytes on by more than 1/16, from 64 KiB on by more than 1/32."""
    share = 0.12 if size < 256 else 1 / 16 if size < 65_536 else 1 / 32
    assert bucket_bytes(size) - size <= share * size


def test_tiny_lengths() -> None:
    """Each length up to 8 bytes is a bucket, then each even one; from 128 bytes on, each doubling has eight."""
    assert [bucket_bytes(size) for size in range(1, 20)] == [*range(1, 9), *(n + n % 2 for n in range(9, 20))]
    for exponent, most in ((3, 4), (7, 8), (8, 16), (15, 16), (16, 32), (25, 32)):
        lengths = {bucket_bytes(2**exponent + 2**exponent * n // 1000) for n in range(1000)}
        assert len(lengths) <= most + 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_length_up_to_a_few_thousand(kind: str) -> None:
    """With its padding every length is a bucket, at most 12 % longer; for AVIF from 186 bytes on."""
    for size in range(1, 5000):
        behind = padding(kind, size)
        assert bucket_bytes(size + len(behind)) == size + len(behind)
        if kind != "avif":
            assert behind == bytes(bucket_bytes(size) - size)
        if kind != "avif" or size >= 186:
            assert len(behind) <= 0.12 * size


@given(st.integers(1, 10**7))
def test_an_avif_gets_a_whole_box(size: int) -> None:
    """The padding of an AVIF is empty, or one free box of zeros with the right length."""
    behind = padding("avif", size)
    assert len(behind) == 0 or behind == len(behind).to_bytes(4) + b"free" + bytes(len(behind) - 8)
    # The next bucket, or the one after it if the head of the box does not fit.
    assert (len(behind) < 8) == (bucket_bytes(size) == size)
    if bucket_bytes(size) - size >= 8:
        assert size + len(behind) == bucket_bytes(size)


@given(st.integers(16, 10**7), st.data())
def test_a_ciphertext_within_its_limit_fits_with_padding(limit: int, data: st.DataObject) -> None:
    """A ciphertext of at most longest_within bytes is within the limit with its padding, in each format."""
    longest = longest_within(limit)
    assert longest > limit * 15 / 16 - 9 if limit >= 256 else longest > limit / 2 - 9
    if longest >= 1:
        size = data.draw(st.integers(1, longest))
        assert max(size + len(padding(kind, size)) for kind in ("png", "avif")) <= limit
