"""AVIF: data hidden beside the picture goes, and a file that would keep the processor busy is refused."""

import struct
import time

import pytest

from pixstore_asgi.core.strip.boxes import MAX_PARTS
from pixstore_asgi.errors import InvalidImage
from tests.support.avif_file import Item, avif_file, box, children, coded, full, usual_items
from tests.support.metadata import SECRET_WORD
from tests.support.stripping import seen, strip
from tests.support.tagged import tagged_pictures

WORD = SECRET_WORD.encode()
PICTURE = usual_items()[0]
PLAIN = avif_file([PICTURE], version=1)
SEQUENCE = tagged_pictures()["avif animated"]
FREE = box(b"free")
LINEAR_S = 1  # of the processor's time; to look at each pair of so many parts takes several times as long


def with_boxes(data: bytes, *added: bytes) -> bytes:
    """Return an AVIF with these boxes at the end of its `meta`, which has a 32-bit length; offsets are not moved."""
    start = data.index(b"meta") - 4
    end = start + int.from_bytes(data[start : start + 4])
    content = data[start + 8 : end] + b"".join(added)
    return data[:start] + box(b"meta", content) + data[end:]


def linked(kind: bytes, source: int, targets: list[int]) -> bytes:
    """Strip an AVIF of the picture 1 and items 2 and 3, with one reference, and return the data that is left."""
    _, properties = coded()
    items = [
        PICTURE,
        Item(b"tmap\0" if kind == b"tmap" else b"av01\0", b"second item", properties),
        Item(b"av01\0", b"third item", properties),
    ]
    reference = b"dimg" if kind == b"tmap" else kind
    return strip(avif_file(items, version=1, links=[(reference, source, targets)]))


def test_a_picture_without_a_reference_goes() -> None:
    """A second coded picture without a reference, such as the uncut original, becomes zeros and loses its type."""
    pixels, properties = coded(24)
    data = avif_file([PICTURE, Item(b"av01" + WORD + b"\0", pixels, properties)], version=1)
    kept = strip(data)
    assert pixels in data
    assert pixels not in kept
    assert WORD not in kept
    assert len(kept) == len(data)
    assert seen(kept) == seen(data)


@pytest.mark.parametrize(
    ("kind", "source", "targets", "stays"),
    [
        (b"dimg", 1, [2], {2}),
        (b"dimg", 2, [1], set()),
        (b"dimg", 2, [3], set()),
        (b"auxl", 2, [1], {2}),
        (b"auxl", 1, [2], set()),
        (b"tmap", 2, [1, 3], {2, 3}),
        (b"thmb", 2, [1], set()),
        (b"prem", 1, [2], set()),
    ],
)
def test_references_keep_items(kind: bytes, source: int, targets: list[int], stays: set[int]) -> None:
    """The picture's sources, its transparency, and a tone map with its gain map stay; other items go."""
    kept = linked(kind, source, targets)
    assert {number for number, word in ((2, b"second item"), (3, b"third item")) if word in kept} == stays


@pytest.mark.parametrize("stays", [True, False])
def test_alternatives_of_the_picture_stay(stays: bool) -> None:
    """An item in a group with the picture stays, and one in a group without it goes."""
    _, properties = coded()
    groups = box(b"grpl", full(b"altr", 0, struct.pack(">4I", 9, 2, 1 if stays else 2, 3)))
    items = [PICTURE, *(Item(b"av01\0", word, properties) for word in (b"second item", b"third item"))]
    # The group is inserted into a finished file, so the offsets are those after the insertion.
    plain = avif_file(items, version=1, extra=groups)
    at = plain.index(groups)
    meta = plain.index(b"meta") - 4
    data = plain[:meta] + (at + len(groups) - meta).to_bytes(4) + plain[meta + 4 :]
    kept = strip(data)
    assert (b"third item" in kept) == stays
    assert b"second item" not in kept
    assert strip(kept) == kept


@pytest.mark.parametrize("kind", [b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat"])
def test_a_known_box_that_occurs_twice_is_refused(kind: bytes) -> None:
    """A second box of a name is refused: readers differ in the one they use, and the other could hide anything."""
    twice = [box(kind, bytes(40))] * (2 if kind == b"idat" else 1)
    with pytest.raises(InvalidImage, match="AVIF box that occurs twice"):
        strip(with_boxes(PLAIN, *twice))


def test_names_and_addresses_in_a_still_picture_go() -> None:
    """The names of handler and items go, and the addresses of its data."""
    word = WORD[:5]
    named = PLAIN.replace(b"av01Color", b"av01" + word)
    at = named.index(b"hdlr") + 16
    named = named[:at] + word + named[at + len(word) :]
    places = box(b"dinf", full(b"dref", 0, struct.pack(">I", 1), full(b"url ", 0, WORD)))
    kept = strip(with_boxes(named, places))
    assert word not in kept


def _tracks_with(old: bytes, new: bytes) -> bytes:
    at = SEQUENCE.index(old, SEQUENCE.index(b"stsd"))
    return SEQUENCE[:at] + new + SEQUENCE[at + len(new) :]


def test_names_in_the_sample_entries_of_a_sequence_go() -> None:
    """The compressor's name and unknown boxes become zeros, and the frames stay."""
    entry = SEQUENCE.index(b"av01", SEQUENCE.index(b"stsd"))
    at = entry + 4 + 42
    data = bytearray(SEQUENCE)
    data[at : at + 1 + len(WORD)] = bytes([len(WORD)]) + WORD
    data[entry + 4 + 8 : entry + 4 + 8 + len(WORD[:16])] = WORD[:16]
    kept = strip(bytes(data))
    assert WORD[:8] in data
    assert WORD[:8] not in kept
    assert seen(kept) == seen(SEQUENCE)
    unknown = strip(_tracks_with(b"ccst", b"udta" + WORD[:8]))
    assert WORD[:8] not in unknown
    assert strip(unknown) == unknown


def test_addresses_in_the_tracks_of_a_sequence_go() -> None:
    """A track that names another file for its frames names this file afterwards."""
    track = SEQUENCE.index(b"dref")
    at = SEQUENCE.index(b"url ", track)
    address = SEQUENCE[:at] + b"urn " + bytes(4) + SEQUENCE[at + 8 :]
    assert strip(address) == strip(SEQUENCE)


def filled(meta: int = 0, trak: int = 0, mdia: int = 0, table: int = 0, tracks: int = 1) -> bytes:
    """Return the start of a sequence with these numbers of empty boxes in each place."""
    tables = (
        FREE * table
        + full(b"stsz", 0, struct.pack(">II", 1, 1))
        + full(b"stsc", 0, struct.pack(">4I", 1, 1, 1, 1))
        + full(b"stco", 0, struct.pack(">II", 1, 0))
    )
    media = (
        FREE * mdia
        + full(b"hdlr", 0, b"\0\0\0\0pict", bytes(13))
        + full(b"mdhd", 0, bytes(20))
        + box(b"minf", box(b"stbl", tables))
    )
    track = box(b"trak", FREE * trak, full(b"tkhd", 0, bytes(80)), box(b"mdia", media))
    head = box(b"ftyp", b"avis", bytes(4), b"avif", b"avis")
    still = children(avif_file([PICTURE], version=1))[b"meta"]
    return head + box(b"meta", still, FREE * meta) + box(b"moov", track * tracks) + box(b"mdat", bytes(9))


@pytest.mark.parametrize(
    "data",
    [
        filled(meta=MAX_PARTS),
        filled(trak=MAX_PARTS // 2 + 1, tracks=2),
        filled(mdia=MAX_PARTS // 4, table=MAX_PARTS // 4, tracks=2),
        filled(mdia=2000, table=2000, tracks=31),
    ],
    ids=["meta", "tracks", "two levels", "everywhere"],
)
def test_too_many_boxes_in_all_are_refused_at_once(data: bytes) -> None:
    """A meta or moov of countless boxes at any level is refused at once."""
    start = time.process_time()
    with pytest.raises(InvalidImage, match="AVIF box"):
        strip(data)
    assert time.process_time() - start < LINEAR_S


def test_many_alternatives_take_no_time() -> None:
    """A group of thousands of items takes time for each item, not for each pair."""
    group = full(b"altr", 0, struct.pack(">II", 9, MAX_PARTS), struct.pack(f">{MAX_PARTS}I", *range(1, MAX_PARTS + 1)))
    start = time.process_time()
    strip(with_boxes(PLAIN, box(b"grpl", group)))
    assert time.process_time() - start < LINEAR_S
