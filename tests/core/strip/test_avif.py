"""AVIF: items, tracks and boxes; a file that can't be stripped while it arrives is refused."""

import struct

import pytest

from pixstore_asgi.core.strip import find_stripper
from pixstore_asgi.core.strip.boxes import MAX_PARTS
from pixstore_asgi.errors import InvalidImage
from tests.support.avif_file import Item, avif_file, box, children, coded, full, usual_items
from tests.support.metadata import SECRET_WORD, encoded, exif, frames
from tests.support.stripping import in_pieces, seen, strip

WORD = SECRET_WORD.encode()
PICTURE = usual_items()[0]


def sequence(tracks: list[bytes], data: bytes, *, moov_last: bool = False) -> bytes:
    """Return a sequence of these tracks, with offsets that count from the start of `data`. moov_last: `data` comes
    first.
    """
    head = box(b"ftyp", b"avis", bytes(4), b"avif", b"avis")
    still = avif_file([Item(b"av01\0", b"", ())], version=1)
    meta = box(b"meta", children(still)[b"meta"])
    moov = box(b"moov", full(b"mvhd", 0, b"\1" * 8, bytes(88)), *tracks, box(b"udta", WORD), box(b"meta", WORD))
    mdat = box(b"mdat", data)
    return head + meta + (mdat + moov if moov_last else moov + mdat)


def track(handler: bytes, tables: bytes, version: int = 0) -> bytes:
    """Return a track of one kind of media, with times."""
    times = b"\1" * (16 if version else 8)
    media = box(
        b"mdia",
        full(b"mdhd", version, times, bytes(12)),
        full(b"hdlr", 0, bytes(4), handler, bytes(13)),
        box(b"minf", full(b"vmhd", 0, bytes(8)), box(b"stbl", tables, box(b"oddx", WORD))),
    )
    return box(b"trak", full(b"tkhd", version, times, bytes(72)), box(b"udta", WORD), media)


def tables(
    offsets: list[int], runs: list[tuple[int, int]], sizes: list[int] | int, count: int = 0, wide: bool = False
) -> bytes:
    """Return the tables of a track. sizes: of each frame, or one for all `count` frames."""
    same, each = (sizes, []) if isinstance(sizes, int) else (0, sizes)
    stsz = full(b"stsz", 0, struct.pack(f">II{len(each)}I", same, count or len(each), *each))
    stsc = full(
        b"stsc", 0, struct.pack(">I", len(runs)), *(struct.pack(">III", first, frames, 1) for first, frames in runs)
    )
    numbers = struct.pack(f">I{len(offsets)}{'Q' if wide else 'I'}", len(offsets), *offsets)
    return stsz + stsc + full(b"co64" if wide else b"stco", 0, numbers)


def stripped_data(*tables_of: tuple[bytes, bytes], data: bytes = bytes(range(1, 101))) -> bytes:
    """Strip a sequence of tracks and return its data. Each track: handler, and tables with offsets into the data."""
    length = len(sequence([track(*each) for each in tables_of], data)) - len(data)
    moved = [(handler, _moved(tables, length)) for handler, tables in tables_of]
    kept = strip(sequence([track(*each) for each in moved], data))
    assert WORD not in kept
    assert b"\1\1\1\1" not in kept
    return children(kept)[b"mdat"]


def _moved(tables: bytes, by: int) -> bytes:
    """Add `by` to the offsets in the last box of these tables, which are below 256."""
    kind = max(tables.rfind(b"stco"), tables.rfind(b"co64"))
    size = 4 if tables[kind : kind + 4] == b"stco" else 8
    at = kind + 12
    offsets = [int.from_bytes(tables[i : i + size]) + by for i in range(at, len(tables), size)]
    return tables[:at] + b"".join(offset.to_bytes(size) for offset in offsets)


DATA = bytes(range(1, 101))


@pytest.mark.parametrize("wide", [False, True])
def test_frames_are_found_by_their_tables(wide: bool) -> None:
    """Chunks of one or several frames, of one size or several, stay; bytes between the chunks go."""
    blank = bytes(100)
    one = tables([10, 50], [(1, 1)], [5, 7], wide=wide)
    assert stripped_data((b"pict", one)) == blank[:10] + DATA[10:15] + blank[15:50] + DATA[50:57] + blank[57:]
    several = tables([10, 50, 80], [(1, 2), (3, 1)], [5, 7, 1, 2, 4], wide=wide)
    kept = blank[:10] + DATA[10:22] + blank[22:50] + DATA[50:53] + blank[53:80] + DATA[80:84] + blank[84:]
    assert stripped_data((b"pict", several)) == kept
    same = tables([10, 50], [(1, 3)], 4, 6, wide=wide)
    assert stripped_data((b"pict", same)) == blank[:10] + DATA[10:22] + blank[22:50] + DATA[50:62] + blank[62:]


def test_tracks_without_pictures_go() -> None:
    """Tracks of sound, text and positions go with their tables; transparency stays."""
    sound, picture, alpha = (tables([at], [(1, 1)], [5]) for at in (0, 20, 40))
    kept = stripped_data((b"soun", sound), (b"pict", picture), (b"auxv", alpha), (b"meta", sound))
    assert kept == bytes(20) + DATA[20:25] + bytes(15) + DATA[40:45] + bytes(55)


@pytest.mark.parametrize(
    "tracks",
    [
        [],
        [track(b"soun", tables([300], [(1, 1)], [5]))],
        [track(b"pict", tables([300], [(2, 1)], [5]))],
        [track(b"pict", tables([300], [(1, 1)], [5]).replace(b"stsz", b"stxx"))],
        [track(b"pict", tables([300] * (MAX_PARTS + 1), [(1, 1)], 1, 9))],
        [track(b"pict", tables([300] * 9_000, [(1, 1)], 1, 9))] * 2,
        [box(b"trak", full(b"tkhd", 0, bytes(80)))],
        [track(b"pict", tables([300], [(1, 1)], [5]))] * 33,
    ],
)
def test_sequences_without_frames_that_can_be_found_are_refused(tracks: list[bytes]) -> None:
    """A sequence is refused without a track of pictures, with a missing or late table, and with too many chunks."""
    with pytest.raises(InvalidImage):
        strip(sequence(tracks, DATA))


def test_times_of_both_lengths_go() -> None:
    """Times of 64 bits go, as those of 32 bits do."""
    kept = strip(sequence([track(b"pict", tables([0], [(1, 1)], [5]), version=1)], DATA))
    assert b"\1\1\1\1" not in kept


@pytest.mark.parametrize("in_idat", [False, True])
def test_thumbnails_go_with_their_tiles_and_transparency(in_idat: bool) -> None:
    """A thumbnail goes with its tiles, except a tile that the picture needs."""
    pixels, properties = coded()
    items = [
        PICTURE,
        Item(b"grid\0", b"thumbnail grid", (), b"thmb", in_idat),
        Item(b"av01\0", b"tile of a thumbnail", properties, b"", in_idat),
        Item(b"av01\0", b"transparency of a tile", properties, b"", in_idat),
        Item(b"av01\0", pixels, properties, b"auxl", in_idat),
    ]
    links = [(b"dimg", 2, [3, 5]), (b"auxl", 4, [3]), (b"dimg", 1, [5])]
    data = avif_file(items, version=2, links=links)
    kept = strip(data)
    assert len(kept) == len(data)
    assert b"thumbnail" not in kept
    assert b"transparency" not in kept
    assert kept.count(pixels) == data.count(pixels) == 2
    assert kept.count(b"av01") == 2
    assert strip(kept) == kept


def test_a_derived_picture_keeps_its_sources() -> None:
    """The tiles of a grid stay, including those of a picture beside it."""
    pixels, properties = coded()
    items = [Item(b"grid\0", bytes([0, 0, 0, 0, 0, 40, 0, 40]), (), b"", True), Item(b"av01\0", pixels, properties)]
    data = avif_file([*items, usual_items()[2]], version=2, links=[(b"dimg", 1, [2])])
    kept = strip(data)
    assert pixels in kept
    assert WORD not in kept
    assert exif()[:20] not in kept


def test_an_avif_with_its_data_first_is_refused() -> None:
    """The metadata must come before the pixels, or the error says how to fix the file."""
    for data in (
        avif_file(usual_items(), data_first=True),
        sequence([track(b"pict", tables([0], [(1, 1)], [5]))], DATA, moov_last=True),
    ):
        with pytest.raises(
            InvalidImage,
            match="pixels before its metadata, which can't be removed while the image arrives: save it again",
        ):
            strip(data)


@pytest.mark.parametrize("kind", [b"meta", b"moov", b"uuid", b"mpvd", b"moof"])
def test_boxes_outside_the_picture_are_freed(kind: bytes) -> None:
    """A second meta box, a video beside a still picture and unknown boxes become free space of zeros."""
    kept = strip(avif_file([PICTURE], extra=box(kind, WORD)))
    assert box(b"free", bytes(len(WORD))) in kept
    assert WORD not in kept
    assert seen(kept) == seen(avif_file([PICTURE]))


def test_a_box_to_the_end_of_the_file_ends_with_the_picture() -> None:
    """If mdat has no length, bytes after the picture go, and the whole picture stays."""
    data = avif_file([PICTURE], version=1, open_end=True)
    assert strip(data) == strip(data + WORD * 100) == strip(in_pieces(data + WORD, 3))
    assert strip(data).endswith(PICTURE.data)


def _with(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)


AVIF = avif_file(usual_items(), version=1)


@pytest.mark.parametrize(
    "data",
    [
        _with(AVIF, b"pitm", b"pixm"),
        _with(AVIF, b"iloc", b"ilox"),
        _with(AVIF, b"iinf", b"iinx"),
        avif_file([usual_items()[2], PICTURE]),
        avif_file([PICTURE, Item(b"av01\0", b"x", (), b"thmb")], links=[(b"thmb", 1, [2])]),
        _with(AVIF, b"infe\2\0\0\0\0\2", b"infe\2\0\0\0\0\1"),
        _with(AVIF, b"infe\2\0\0\0\0\2", b"infe\1\0\0\0\0\2"),
        _with(AVIF, b"iloc\1\0\0\0\x88\x80\0\5\0\1\0\0", b"iloc\1\0\0\0\x88\x80\0\5\0\1\0\2"),
        _with(AVIF, b"iloc\1\0\0\0\x88\x80\0\5\0\1\0\0\0\0", b"iloc\1\0\0\0\x88\x80\0\5\0\1\0\0\0\1"),
        _with(AVIF, b"iloc\1\0\0\0\x88\x80\0\5", b"iloc\1\0\0\0\x88\x80\0\x55"),
        _with(AVIF, b"iloc\1\0\0\0\x88\x80\0\5", b"iloc\1\0\0\0\0\0\xff\xff"),
        AVIF[: AVIF.index(b"meta") - 4] + struct.pack(">I", 2**21) + AVIF[AVIF.index(b"meta") :] + bytes(2**21),
        AVIF[: AVIF.index(b"meta") - 4] + struct.pack(">I4sQ", 1, b"meta", 0) + bytes(99),
        AVIF[: AVIF.index(b"meta") - 4] + struct.pack(">I4s", 0, b"meta") + bytes(99),
        AVIF[: AVIF.index(b"meta") - 4] + box(b"meta", bytes(4), box(b"free") * (MAX_PARTS + 1)),
        avif_file(usual_items(), extra=struct.pack(">I4s", 0, b"free")),
    ],
)
def test_an_avif_without_the_place_of_its_picture_is_refused(data: bytes) -> None:
    """An AVIF with missing, too long or too many boxes, or with items of one number or in another file, is refused."""
    with pytest.raises(InvalidImage):
        strip(data)


def test_the_last_box_within_another_may_have_no_length() -> None:
    """The last box in another may have no length: it extends to the end of the outer box."""
    at = AVIF.index(b"idat") - 4
    kept = strip(AVIF)
    assert WORD in AVIF[at:]
    assert strip(AVIF[:at] + bytes(4) + AVIF[at + 4 :]) == kept[:at] + bytes(4) + kept[at + 4 :]


def test_a_picture_turned_by_its_own_property_stays_turned() -> None:
    """The rotation property, which encoders write for an Exif orientation, stays when the Exif goes."""
    data = encoded("avif", frames(1), exif=exif(6))
    assert seen(strip(data)).orientation == seen(data).orientation == 6
    assert b"irot" in strip(data)


def test_one_picture_is_held_no_longer_than_its_boxes() -> None:
    """After the boxes with the picture's place, all bytes are passed on as they arrive."""
    data = avif_file([PICTURE._replace(data=bytes(range(250)) * 4000)], version=1)
    stripper = find_stripper(data[:12])
    assert stripper is not None
    begin = data.index(b"mdat") + 4
    assert len(stripper.feed(data[:begin])) == begin
    for start in range(begin, len(data), 5000):
        piece = data[start : start + 5000]
        assert stripper.feed(piece) == piece
    stripper.finish()
