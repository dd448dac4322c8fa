"""The sample entries and data references of a track in an AVIF sequence."""

from ..formats.reader import require
from .boxes import Box, Boxes, Fields, blank, free

# AV1-ISOBMFF, 2.2, and ISO/IEC 23008-12, 7: the boxes of a sample entry for decoding and display.
_CODING = dict.fromkeys((b"av1C", b"colr", b"ccst", b"auxi", b"pasp", b"clap", b"clli", b"mdcv", b"cclv", b"amve"))

# ISO/IEC 14496-12, 12.1.3: the reserved fields of a visual sample entry, and the name of its compressor.
_ENTRY_BYTES = 78
_UNUSED = ((0, 6), (8, 24), (36, 40), (42, 74))

_SAME_FILE = 1  # 8.7.2: a flag


def strip_samples(data: bytearray, boxes: Boxes, box: Box) -> None:
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


def strip_references(data: bytearray, boxes: Boxes, box: Box) -> None:
    """Let all data references (`dref`) mean this file. Raises InvalidImage."""
    fields = Fields(data, box)
    fields.skip(8)
    for entry in boxes.walk(fields.at, box.end):
        require(entry.end - entry.body >= 4, "AVIF box")
        data[entry.start + 4 : entry.start + 8] = b"url "
        data[entry.body : entry.body + 4] = _SAME_FILE.to_bytes(4)
        blank(data, entry.body + 4, entry.end)
