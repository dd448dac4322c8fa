"""Strips the `moov` box of an AVIF sequence: keeps only the tracks of the picture and its transparency."""

from bisect import bisect_right
from collections.abc import Iterator

from ..formats.containers import require
from .boxes import MAX_PARTS, Box, Boxes, Fields, Known, Stretch, blank, blank_handler, find, free, needed

_SAMPLES = (b"stsd", b"stts", b"ctts", b"cslg", b"stsc", b"stsz", b"stco", b"co64", b"stss", b"sdtp", b"sbgp", b"sgpd")
_MEDIA: Known = {
    **dict.fromkeys((b"mdhd", b"hdlr")),
    b"minf": {**dict.fromkeys((b"vmhd", b"nmhd")), b"dinf": {b"dref": None}, b"stbl": dict.fromkeys(_SAMPLES)},
}
_MOOV: Known = {
    **dict.fromkeys((b"mvhd",)),
    b"trak": {**dict.fromkeys((b"tkhd", b"tref", b"edts")), b"mdia": _MEDIA},
}
_REPEATED = {b"trak", b"sbgp", b"sgpd"}
_MAX_TRACKS = 32  # one or two for pictures, as many for transparency, and further ones for a video
_HANDLERS = {b"pict", b"vide", b"auxv"}  # pictures, video, transparency

# The boxes of a sample entry for decoding and display (AV1-ISOBMFF, section 2.2; ISO/IEC 23008-12, section 7).
_CODING = dict.fromkeys((b"av1C", b"colr", b"ccst", b"auxi", b"pasp", b"clap", b"clli", b"mdcv", b"cclv", b"amve"))

# The unneeded fields of a visual sample entry: reserved ones, and the compressor's name (ISO/IEC 14496-12, 12.1.3).
_ENTRY_BYTES = 78
_UNUSED = ((0, 6), (8, 24), (36, 40), (42, 74))

_SAME_FILE = 1  # the flag for data in this file (section 8.7.2)


def strip_moov(moov: bytearray) -> list[Stretch]:
    """Strip the content of a `moov` box in place. All lengths and offsets stay the same.

    Returns the ranges of the file that contain frames. Raises InvalidImage if the box is damaged.
    """
    boxes = Boxes(moov)
    whole = Box(b"moov", 0, 0, len(moov))
    boxes.prune(whole, _MOOV, _REPEATED)
    tracks = whole.inner.get(b"trak", [])
    require(len(tracks) <= _MAX_TRACKS, "AVIF sequence of too many tracks")
    for box in whole.inner.get(b"mvhd", []):
        _blank_times(moov, box)
    kept: list[Stretch] = []
    for track in tracks:
        if _handler(moov, track) not in _HANDLERS:
            free(moov, track)
            continue
        _strip_track(moov, boxes, track)
        kept += _frames(moov, needed(track, b"mdia", b"minf", b"stbl"))
        require(len(kept) <= MAX_PARTS, "AVIF frames in too many pieces")
    require(len(kept) > 0, "AVIF sequence without frames")
    return kept


def _strip_track(moov: bytearray, boxes: Boxes, track: Box) -> None:
    """Remove the track's times and names, and the unneeded parts of its sample entries and data references."""
    for path in ((b"tkhd",), (b"mdia", b"mdhd")):
        _blank_times(moov, needed(track, *path))
    blank_handler(moov, needed(track, b"mdia", b"hdlr"))
    if references := find(track, b"mdia", b"minf", b"dinf", b"dref"):
        _strip_references(moov, boxes, references)
    if entries := find(track, b"mdia", b"minf", b"stbl", b"stsd"):
        _strip_samples(moov, boxes, entries)


def _strip_samples(data: bytearray, boxes: Boxes, box: Box) -> None:
    """Remove names and unknown boxes from the sample entries (`stsd`). Raises InvalidImage."""
    fields = Fields(data, box)
    fields.skip(8)
    for entry in boxes.walk(fields.at, box.end):
        if entry.kind != b"av01":
            free(data, entry)
            continue
        begin = entry.body
        require(entry.end - begin >= _ENTRY_BYTES, "AVIF sample entry")
        for start, end in _UNUSED:
            blank(data, begin + start, begin + end)
        boxes.prune(Box(entry.kind, entry.start, begin + _ENTRY_BYTES, entry.end), _CODING, {b"colr"})


def _strip_references(data: bytearray, boxes: Boxes, box: Box) -> None:
    """Make all data references (`dref`) refer to this file, which removes URLs. Raises InvalidImage."""
    fields = Fields(data, box)
    fields.skip(8)
    for entry in boxes.walk(fields.at, box.end):
        require(entry.end - entry.body >= 4, "AVIF box")
        data[entry.start + 4 : entry.start + 8] = b"url "
        data[entry.body : entry.body + 4] = _SAME_FILE.to_bytes(4)
        blank(data, entry.body + 4, entry.end)


def _handler(moov: bytearray, track: Box) -> bytes:
    """Return the track's kind of media, such as b"pict" (ISO/IEC 14496-12, section 8.4.3)."""
    fields = Fields(moov, needed(track, b"mdia", b"hdlr"))
    fields.skip(8)
    return fields.number(4).to_bytes(4)


def _blank_times(moov: bytearray, box: Box) -> None:
    """Erase the times of creation and modification in a box (ISO/IEC 14496-12, sections 8.2.2, 8.3.2 and 8.4.2)."""
    fields = Fields(moov, box)
    size = 16 if fields.version() == 1 else 8
    start = fields.skip(size)
    blank(moov, start, start + size)


def _frames(moov: bytearray, table: Box) -> Iterator[Stretch]:
    """Yield the ranges of the file that contain this track's frames (ISO/IEC 14496-12, sections 8.7.3 to 8.7.5)."""
    size, sizes = _sizes(moov, needed(table, b"stsz"))
    firsts, counts = _runs(moov, needed(table, b"stsc"))
    frame = 0
    for number, start in enumerate(_chunks(moov, table), 1):
        run = bisect_right(firsts, number) - 1
        require(run >= 0, "AVIF frames")
        count = counts[run]
        yield start, start + (size * count if size else sum(sizes[frame : frame + count]))
        frame += count


def _sizes(moov: bytearray, box: Box) -> tuple[int, tuple[int, ...]]:
    """Return the common size of all frames and an empty tuple, or 0 and the size of each frame (`stsz`)."""
    fields = Fields(moov, box)
    fields.version()
    size, count = fields.number(4), fields.number(4)
    return size, () if size else fields.numbers(4, count)


def _runs(moov: bytearray, box: Box) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the first chunk of each run of chunks, and the number of frames in each chunk of the run (`stsc`)."""
    fields = Fields(moov, box)
    fields.version()
    entries = fields.numbers(4, 3 * fields.number(4))
    return entries[::3], entries[1::3]


def _chunks(moov: bytearray, table: Box) -> tuple[int, ...]:
    """Return each chunk's offset in the file (`stco` or `co64`)."""
    wide = find(table, b"co64")
    fields = Fields(moov, wide or needed(table, b"stco"))
    fields.version()
    count = fields.number(4)
    require(count <= MAX_PARTS, "AVIF frames in too many pieces")
    return fields.numbers(8 if wide else 4, count)
