"""Sizes in messages, as people write them."""

_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def size_text(size: int) -> str:
    """Return a number of bytes as text: exactly, in the largest unit that needs no fraction."""
    for unit, name in _UNITS:
        if size >= unit and size % unit == 0:
            return f"{size // unit:,} {name}"
    return f"{size:,} bytes"
