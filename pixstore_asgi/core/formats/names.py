"""Format names, with their format bytes and media types."""

from collections.abc import Sequence

from ...errors import ConfigError, InvalidImage

FORMAT_BYTES = {"png": 1, "webp": 2, "jpg": 3, "jpeg": 4, "gif": 5, "avif": 6}
"""First byte of the plaintext, per format name; it does not depend on the formats that an application lists."""

MEDIA_TYPES = {
    "png": "image/png",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "avif": "image/avif",
}
"""Media type, per format name."""

_NAMES = {byte: name for name, byte in FORMAT_BYTES.items()}


def format_name(byte: int) -> str | None:
    """Return the format name of a format byte, or None."""
    return _NAMES.get(byte)


def check_formats(names: Sequence[str]) -> frozenset[str]:
    """Return the listed formats; jpg and jpeg imply each other. Raises ConfigError for an unknown format."""
    if isinstance(names, str) or not names or not set(names) <= FORMAT_BYTES.keys():
        raise ConfigError(f"image_formats must be a list of one or more of {', '.join(FORMAT_BYTES)}")
    jpeg = {"jpg", "jpeg"}
    return frozenset(names) | (jpeg if jpeg & set(names) else set())


def agreed_format(found: str, marked: str | None) -> str:
    """Return the format's name to store: `marked`, or `found` if `marked` is None.

    Raises InvalidImage if the two differ in their media type.
    """
    if marked is None:
        return found
    if MEDIA_TYPES.get(marked) != MEDIA_TYPES[found]:
        raise InvalidImage(f"the image is marked as {marked}, but its bytes are {found}")
    return marked
