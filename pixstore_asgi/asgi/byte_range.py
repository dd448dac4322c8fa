"""The Range header, which requests a part of a body (RFC 9110, section 14)."""

import re

_RANGE = re.compile(r"bytes=[ \t]*(?P<first>\d{0,19})-(?P<last>\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE)


def byte_range(value: str, size: int) -> range | None:
    """Return the positions that a Range header requests in a body of `size` bytes; an empty range if it has none of them.

    None if the whole body is sent: the header is malformed, has another unit, or requests several parts.
    """
    found = _RANGE.fullmatch(value)
    if found is None or found["first"] == found["last"] == "":
        return None
    if not found["first"]:
        return range(max(size - int(found["last"]), 0), size)
    first, last = int(found["first"]), int(found["last"] or size)
    if found["last"] and last < first:
        return None
    return range(first, min(last + 1, size))
