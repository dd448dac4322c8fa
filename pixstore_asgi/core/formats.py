"""Which bytes are which image format: the fixed format bytes, and a reader of containers that works piece by piece.

The readers follow the structure that a browser's decoder relies on and never decode a picture: magic bytes alone would
accept HTML behind a PNG signature. They hold back at most a few dozen bytes. Imaging libraries decode (and are large),
and the small type-guessing libraries stop at the magic bytes, which is why these readers are written here.
"""

import zlib
from collections.abc import Callable, Generator, Sequence

from ..errors import ConfigError, InvalidImage

FORMAT_BYTES = {"png": 1, "webp": 2, "jpg": 3, "jpeg": 4, "gif": 5, "avif": 6}
"""First byte of the plaintext, per format name; fixed, whatever formats an application lists."""

MIME_TYPES = {
    "png": "image/png",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "avif": "image/avif",
}

SNIFF_BYTES = 12
"""How many of an image's first bytes `sniff` needs."""

_FREE_STEPS = 100_000
_BYTES_PER_STEP = 64  # GIF, the most finely divided format, takes two steps for 256 bytes

_NAMES = {byte: name for name, byte in FORMAT_BYTES.items()}

# A reader asks for its input by what it yields: n > 0 for exactly n bytes, n < 0 to skip -n bytes, ANY for all that is
# there. It returns once the image is complete (bytes behind an image are common and harmless) and raises InvalidImage.
_Reader = Generator[int, bytes, None]
_ANY = 0


def format_name(byte: int) -> str | None:
    """Return the format name of a format byte, or None."""
    return _NAMES.get(byte)


def check_formats(names: Sequence[str]) -> frozenset[str]:
    """Return the formats an application lists, with jpg and jpeg both where one is; raises ConfigError for others."""
    if isinstance(names, str) or not names or not set(names) <= FORMAT_BYTES.keys():
        raise ConfigError(f"image_formats must be a list of one or more of {', '.join(FORMAT_BYTES)}")
    jpeg = {"jpg", "jpeg"}
    return frozenset(names) | (jpeg if jpeg & set(names) else set())


def agreed_format(found: str, marked: str | None) -> str:
    """Return the format name an image is marked with, or the one its bytes were found to have where that is None.

    Raises InvalidImage where the two have not the same media type.
    """
    if marked is None:
        return found
    if MIME_TYPES.get(marked) != MIME_TYPES[found]:
        raise InvalidImage(f"the image is marked as {marked}, but its bytes are {found}")
    return marked


class ImageReader:
    """Follows one image's container while its bytes pass by. `name` is its format, e.g. "jpeg"."""

    def __init__(self, label: str, reader: _Reader) -> None:
        self.name = label.lower()
        self._label = label
        self._reader = reader
        self._wanted = next(reader)
        self._held = b""
        self._complete = False
        self._seen = 0
        self._steps = 0

    def feed(self, piece: bytes | memoryview) -> None:
        """Look at the next bytes; raises InvalidImage as soon as they can't belong to an image of this format."""
        self._seen += len(piece)
        data = self._held + bytes(piece) if self._held else piece
        start = 0
        while not self._complete and start < len(data):
            used = len(data) - start if self._wanted == _ANY else min(abs(self._wanted), len(data) - start)
            if self._wanted < 0:
                self._wanted += used
                if self._wanted == 0:
                    self._advance(b"")
            elif used < self._wanted:
                break
            else:
                self._advance(bytes(data[start : start + used]))
            start += used
        self._held = b"" if self._complete else bytes(data[start:])

    def finish(self) -> None:
        """End the image; raises InvalidImage where it is not complete."""
        if not self._complete:
            raise InvalidImage(f"the {self._label} image is truncated: it ends before its last part")

    def _advance(self, data: bytes) -> None:
        # A file made of countless tiny parts is no picture but an attempt to keep the processor busy.
        self._steps += 1
        _require(self._steps < _FREE_STEPS + self._seen // _BYTES_PER_STEP, "too many tiny parts")
        try:
            self._wanted = self._reader.send(data)
        except StopIteration:
            self._complete = True


def sniff(head: bytes, allowed: frozenset[str]) -> ImageReader:
    """Return the reader for an image that starts with `head` (SNIFF_BYTES of it, or all there is).

    Feed it the whole image from its first byte. Raises InvalidImage where `head` is of no allowed format.
    """
    listed = ", ".join(label for label, _, _ in _FORMATS if label.lower() in allowed)
    for label, matches, reader in _FORMATS:
        if matches(head):
            if label.lower() in allowed:
                return ImageReader(label, reader())
            if label == "AVIF":
                _require_avif({head[8:12]})
            raise InvalidImage(f"{label} is not among the image formats accepted here: {listed}")
    if not head:
        raise InvalidImage("the image is empty")
    if head.startswith(b"--"):
        raise InvalidImage("this looks like a multipart form, not an image: take the file out of it first")
    raise InvalidImage(f"this is no image of a format accepted here ({listed}), or only the beginning of one")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise InvalidImage(f"the image is damaged, or something else behind an image's first bytes: {what}")


def _read_png() -> _Reader:
    """PNG (W3C), 5.3 and 11.2.1: signature, IHDR with its CRC, chunks up to IEND."""
    yield -8
    head = yield 25
    _require(head[:8] == b"\0\0\0\rIHDR" and zlib.crc32(head[4:21]) == int.from_bytes(head[21:]), "PNG header chunk")
    _require(head[8:12] != b"\0\0\0\0" != head[12:16], "PNG size")
    has_pixels = False
    while True:
        chunk = yield 8
        length, kind = int.from_bytes(chunk[:4]), chunk[4:]
        _require(length < 2**31 and kind.isalpha(), "PNG chunk")
        yield -(length + 4)
        has_pixels |= kind == b"IDAT"
        if kind == b"IEND":
            _require(has_pixels, "PNG without pixels")
            return


def _read_jpeg() -> _Reader:
    """JPEG (ITU-T T.81), B.1 and B.2: marker segments up to the first scan, then anything up to EOI."""
    yield -2
    has_frame = False
    while True:
        prefix = (yield 1)[0]
        _require(prefix == 0xFF, "JPEG marker")
        marker = 0xFF
        while marker == 0xFF:  # fill bytes
            marker = (yield 1)[0]
        _require(marker not in (0x00, 0xD8, 0xD9), "JPEG marker")
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            continue
        length = int.from_bytes((yield 2))
        _require(length >= 2, "JPEG segment length")
        if length > 2:
            yield 2 - length
        has_frame |= 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if marker == 0xDA:
            _require(has_frame, "JPEG scan without a frame")
            break
    last = b""
    while b"\xff\xd9" not in (data := last + (yield _ANY)):
        last = data[-1:]


def _read_webp() -> _Reader:
    """WebP (RFC 9649), 2.3 to 2.7: a RIFF of one size, with at least one chunk of pixels."""
    head = yield 12
    left = int.from_bytes(head[4:8], "little") - 4
    has_pixels = False
    while left >= 8:
        chunk = yield 8
        kind, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        size += size % 2
        left -= 8
        _require(kind.strip().isalnum() and size <= left, "WebP chunk")
        left -= size
        if kind in _WEBP_PIXELS:
            length, matches = _WEBP_PIXELS[kind]
            _require(size >= length and matches((yield length)), "WebP pixels")
            size -= length
            has_pixels = True
        if size:
            yield -size
    _require(has_pixels and left == 0, "WebP without pixels")


# Of a chunk that holds pixels: how many of its first bytes tell that it does, and how (RFC 6386, 9.1; RFC 9649, 3.4).
_WEBP_PIXELS: dict[bytes, tuple[int, Callable[[bytes], bool]]] = {
    b"VP8 ": (6, lambda data: data[3:] == b"\x9d\x01\x2a"),
    b"VP8L": (1, lambda data: data == b"\x2f"),
    b"ANMF": (20, lambda data: data[16:] in (b"VP8 ", b"VP8L", b"ALPH")),
}


def _read_gif() -> _Reader:
    """GIF89a, 15 to 27: screen descriptor, then extensions and images up to the trailer."""
    head = yield 13
    _require(head[:6] in (b"GIF87a", b"GIF89a"), "GIF header")
    yield from _skip_colour_table(head[10])
    has_pixels = False
    while (kind := (yield 1)) != b";":
        if kind == b",":
            has_pixels = True
            yield from _skip_colour_table((yield 9)[8])
        _require(kind in b",!", "GIF block")
        yield -1  # code size of an image, label of an extension
        while size := (yield 1)[0]:
            yield -size
    _require(has_pixels, "GIF without pixels")


def _skip_colour_table(flags: int) -> _Reader:
    if flags & 0x80:
        yield -(3 << ((flags & 7) + 1))


def _read_avif() -> _Reader:
    """AVIF, 9.1 over ISO/IEC 14496-12, 4.2: a file type box that names avif, then boxes up to metadata and data."""
    head = yield 8
    length = int.from_bytes(head[:4])
    _require(16 <= length <= 1024 and length % 4 == 0, "AVIF file type")
    brands = yield length - 8
    _require_avif({brands[i : i + 4] for i in (0, *range(8, len(brands), 4))})
    missing = {b"meta", b"mdat"}
    while missing:
        head = yield 8
        length, kind, head_length = int.from_bytes(head[:4]), head[4:], 8
        if length == 1:
            length, head_length = int.from_bytes((yield 8)), 16
        _require(kind.isalnum() and (length == 0 or length >= head_length), "AVIF box")
        missing.discard(kind)
        if length == 0:  # this box lasts to the end of the file
            _require(not missing, "AVIF without its data")
            yield _ANY
        elif length > head_length:
            yield head_length - length


def _require_avif(brands: set[bytes]) -> None:
    """Raise InvalidImage for a file of AVIF's container that is no AVIF, by the name it is known under."""
    if brands & {b"avif", b"avis"}:
        return
    if brands & _HEIC_BRANDS:
        raise InvalidImage("this is a HEIC image, which most browsers can't show: convert it to JPEG first")
    if brands & {b"mif1", b"msf1"}:
        raise InvalidImage("this is an image in HEIF, the container of HEIC: convert it to JPEG first")
    raise InvalidImage("this is a video or another file of the MP4 family, not an image of a format accepted here")


# ISO/IEC 23008-12, annex B: HEVC in one image, in several layers, and in sequences of images.
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}

_FORMATS: tuple[tuple[str, Callable[[bytes], bool], Callable[[], _Reader]], ...] = (
    ("PNG", lambda head: head[:8] == b"\x89PNG\r\n\x1a\n", _read_png),
    ("WebP", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", _read_webp),
    ("JPEG", lambda head: head[:3] == b"\xff\xd8\xff", _read_jpeg),
    ("GIF", lambda head: head[:4] == b"GIF8", _read_gif),
    ("AVIF", lambda head: head[4:8] == b"ftyp", _read_avif),
)
