"""Damaged pictures are refused or stripped, the same whole and in pieces."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi.core.formats import SNIFF_BYTES
from pixstore_asgi.core.strip import find_stripper
from pixstore_asgi.errors import InvalidImage
from tests.support.stripping import follow, in_pieces, strip
from tests.support.tagged import tagged_pictures

SMALL = {name: data for name, data in tagged_pictures().items() if len(data) < 8000}


def outcome(data: bytes, piece_bytes: int) -> bytes | None:
    """Return the stripped image, or None if it is refused."""
    try:
        return strip(in_pieces(data, piece_bytes))
    except InvalidImage:
        return None


def check(data: bytes) -> None:
    """Strip an image that may be damaged: all pieces give one result, and the only error is InvalidImage."""
    kept = outcome(data, len(data))
    for piece_bytes in (1, 17, 1000):
        assert outcome(data, piece_bytes) == kept
    if kept is not None:
        assert strip(kept) == kept
        with suppress(InvalidImage):  # the reader of the encryption is stricter
            follow(kept)


def test_all_formats_are_among_the_damaged_ones() -> None:
    """The damaged pictures below are of every format, still and animated."""
    assert {name.split()[0] for name in SMALL} == {"jpeg", "png", "gif", "webp", "avif"}
    assert {"png animated", "webp animated", "avif animated"} <= set(SMALL)


@given(
    name=st.sampled_from(list(SMALL)),
    changes=st.lists(st.tuples(st.integers(SNIFF_BYTES, 8000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_changed_bytes_are_refused_or_stripped(name: str, changes: list[tuple[int, int]]) -> None:
    """A picture with changed bytes is refused or stripped, the same in pieces."""
    data = bytearray(SMALL[name])
    for at, value in changes:
        data[SNIFF_BYTES + at % (len(data) - SNIFF_BYTES)] = value
    check(bytes(data))


@given(
    name=st.sampled_from(list(SMALL)),
    at=st.integers(SNIFF_BYTES, 8000),
    gone=st.integers(0, 40),
    added=st.binary(max_size=40),
)
def test_lost_and_added_bytes_are_refused_or_stripped(name: str, at: int, gone: int, added: bytes) -> None:
    """A picture with missing or added bytes is refused or stripped, the same in pieces."""
    data = SMALL[name]
    at = SNIFF_BYTES + at % (len(data) - SNIFF_BYTES)
    check(data[:at] + added + data[at + gone :])


@given(name=st.sampled_from(list(SMALL)), kept=st.integers(SNIFF_BYTES, 200), data=st.binary(max_size=200))
def test_any_bytes_behind_a_beginning_are_refused_or_stripped(name: str, kept: int, data: bytes) -> None:
    """Any bytes after the start of a picture are refused or stripped, the same in pieces."""
    check(SMALL[name][:kept] + data)


@pytest.mark.slow
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", SMALL)
def test_every_single_length_byte_may_be_another(name: str, every: int) -> None:
    """Bytes of the first 900 and last 150 are tried as 0, as 255, and with one bit turned; the soak tries each."""
    data = SMALL[name]
    places = [*range(SNIFF_BYTES, min(len(data), 900)), *range(max(len(data) - 150, 900), len(data))]
    for at in places[::every]:
        for value in {0, 255, data[at] ^ 1} - {data[at]}:
            changed = data[:at] + bytes([value]) + data[at + 1 :]
            if (kept := outcome(changed, len(changed))) is not None:
                assert strip(kept) == kept


def test_an_unknown_format_has_no_stripper() -> None:
    """Text, HTML, a TIFF and empty data have no stripper."""
    for data in (b"", b"plain text, nothing more", b"<html></html>", b"II*\0\x08\0\0\0\0\0\0\0\0"):
        assert find_stripper(data[:SNIFF_BYTES]) is None
