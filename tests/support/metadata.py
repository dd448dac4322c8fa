"""Metadata as phones and editors write it into pictures, each with a word to search for."""

import io
import struct
import zlib

from PIL import ExifTags, Image, ImageCms

from .samples import picture

SECRET_WORD = "Whereabouts"
_WORD = SECRET_WORD.encode()

XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="{SECRET_WORD}"/></rdf:RDF></x:xmpmeta>'.encode()  # noqa: E501
PROFILE: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LONG_PROFILE = (130 * len(PROFILE)).to_bytes(4) + (PROFILE * 130)[4:]
"""A profile that fits in no one segment of a JPEG."""


def exif(orientation: int = 6) -> bytes:
    """Return an Exif block (TIFF, without JPEG's marker): place, time, device, maker note, thumbnail."""
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    tags[ExifTags.Base.Make] = SECRET_WORD
    tags[ExifTags.Base.DateTime] = "2020:01:02 03:04:05"
    gps = tags.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (48.0, 8.0, 1.5)
    details = tags.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.MakerNote] = _WORD * 40
    details[ExifTags.Base.UserComment] = b"ASCII\0\0\0" + _WORD
    return _with_thumbnail(tags.tobytes().removeprefix(b"Exif\0\0"))


def _with_thumbnail(tiff: bytes) -> bytes:
    """Add a second directory (TIFF 6.0, section 2; Exif 3.0, 4.5.5): a JPEG of a few pixels."""
    order = "<" if tiff[:2] == b"II" else ">"
    thumbnail = picture("jpeg", 16)
    (first,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, first)
    start = len(tiff) + len(tiff) % 2
    entries = ((0x0103, 3, 6), (0x0201, 4, start + 2 + 3 * 12 + 4), (0x0202, 4, len(thumbnail)))
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack(f"{order}HHI" + ("HH" if kind == 3 else "I"), tag, kind, 1, value, *[0] * (kind == 3))
    linked = bytearray(tiff.ljust(start, b"\0"))
    struct.pack_into(f"{order}I", linked, first + 2 + 12 * count, start)
    return bytes(linked) + directory + bytes(4) + thumbnail


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG (T.81, B.1.1.4)."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


IPTC = (
    b"Photoshop 3.0\0"
    + b"8BIM\4\4\0\0"
    + struct.pack(">I", 5 + len(_WORD))
    + b"\x1c\2\x78"
    + struct.pack(">H", 11)
    + _WORD
)
# CIPA DC-007, 5.2: how many pictures are in the file, and where each is.
MULTI_PICTURE = b"MPF\0MM\0*\0\0\0\x08" + struct.pack(
    ">H HHII HHII I 16s", 2, 0xB001, 4, 1, 1, 0xB002, 7, 16, 38, 0, bytes([0, 3] + [0] * 14)
)
THUMBNAIL_JFXX = b"JFXX\0\x10" + picture("jpeg", 16)
AFTER_THE_END = picture("jpeg", 32) + b"SEFH" + _WORD + b"SEFT" + b"\0" * 64 + b"ftypmp42" + _WORD


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def riff(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a WebP."""
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def frames(count: int = 4, size: int = 40) -> list[Image.Image]:
    """Return pictures of one size, each another one."""
    return [Image.open(io.BytesIO(picture("png", size, seed))).convert("RGB") for seed in range(count)]


def encoded(kind: str, images: list[Image.Image], **options: object) -> bytes:
    """Return these images as one picture, an animation where they are several."""
    output = io.BytesIO()
    rest = {"save_all": True, "append_images": images[1:], "duration": [100, 70, 50, 30]} if len(images) > 1 else {}
    images[0].save(output, kind, **rest, **options)
    return output.getvalue()
