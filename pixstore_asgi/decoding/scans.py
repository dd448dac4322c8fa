"""How many scans a JPEG has: a decoder goes through all of its pixels for each."""

import re

_SCAN, _END = 0xDA, 0xD9
_ALONE = frozenset({0x01, 0xD8})  # without a segment

# T.81, B.1.1.2 and B.1.1.5: in a scan's data FF is followed by 00 or a restart marker.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def count_scans(data: memoryview) -> int:
    """Return how many scans there are up to the end of the first picture in the file (ITU-T T.81, B.2)."""
    count = at = 0
    while found := _MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == _END:
            break
        count += marker == _SCAN
        if marker not in _ALONE:
            at += int.from_bytes(data[at : at + 2])
    return count
