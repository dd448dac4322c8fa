"""The container of AVIF, which other formats share."""

from ...errors import InvalidImage
from .reader import Reader, require


def read() -> Reader:
    """AVIF, 9.1 over ISO/IEC 14496-12, 4.2: a file type box that names avif, then boxes up to metadata and data."""
    head = yield 8
    require_avif(brands_in((yield file_type_length(head) - 8)))
    missing = {b"meta", b"mdat"}
    while missing:
        head = yield 8
        length, kind, head_length = int.from_bytes(head[:4]), head[4:], 8
        if length == 1:
            length, head_length = int.from_bytes((yield 8)), 16
        require(kind.isalnum() and (length == 0 or length >= head_length), "AVIF box")
        missing.discard(kind)
        if length == 0:  # this box extends to the end of the file
            require(not missing, "AVIF without its data")
            yield -1
        elif length > head_length:
            yield head_length - length


def file_type_length(head: bytes) -> int:
    """Return the length in bytes of the file type box with these first 8. Raises InvalidImage if it is invalid."""
    length = int.from_bytes(head[:4])
    require(16 <= length <= 1024 and length % 4 == 0, "AVIF file type")
    return length


def brands_in(content: bytes) -> set[bytes]:
    """Return the brands that a file type box with this content lists (ISO/IEC 14496-12, 4.3)."""
    return {content[i : i + 4] for i in (0, *range(8, len(content), 4))}


def require_avif(brands: set[bytes]) -> None:
    """Raise InvalidImage, which names the format, if these brands are not AVIF's."""
    if brands & {b"avif", b"avis"}:
        return
    if brands & _HEIC_BRANDS:
        raise InvalidImage("this is a HEIC image, which most browsers can't show: convert it to JPEG first")
    if brands & {b"mif1", b"msf1"}:
        raise InvalidImage("this is an image in HEIF, the container of HEIC: convert it to JPEG first")
    raise InvalidImage("this is a video or another file of the MP4 family, not an image of a format accepted here")


# ISO/IEC 23008-12, annex B: HEVC in one image, in several layers, and in sequences of images.
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
