"""A photo as a camera makes one, but painted: detail of every scale, and metadata as telephones write it."""

import io
import random
from functools import cache

from PIL import ExifTags, Image, ImageOps

FORMATS = ("jpeg", "png", "webp", "gif", "avif")

Size = tuple[int, int]
"""Width and height in pixels."""

_FINEST, _COLOUR_FINEST = 2, 32  # pixels
_COARSE_SHARE, _COLOUR_COARSE_SHARE = 0.3, 0.5
_MAKER, _AT, _LATITUDE = "Camera Works", "2026:05:17 11:02:33", (52.0, 31.0, 12.5)
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- who and when --></x:xmpmeta>'
# AVIF and PNG as fast as they can be made: how well they are compressed is not measured.
_OPTIONS: dict[str, dict[str, object]] = {
    "jpeg": {"quality": 95, "xmp": _XMP},
    "png": {"compress_level": 1},
    "webp": {"quality": 90, "method": 0, "xmp": _XMP},
    "gif": {"comment": _XMP},
    "avif": {"quality": 80, "speed": 10, "xmp": _XMP},
}


@cache
def photo(size: Size, kind: str = "jpeg") -> bytes:
    """Return the same photo of this size, at least 128 pixels wide, in one of FORMATS; 12 megapixels as JPEG: 4 MB."""
    output = io.BytesIO()
    exif = {} if kind == "gif" else {"exif": _exif()}
    _painted(size).save(output, kind, **exif, **_OPTIONS[kind])
    return output.getvalue()


@cache
def _painted(size: Size) -> Image.Image:
    light = ImageOps.autocontrast(_noise(size, _FINEST, _COARSE_SHARE, seed=1), cutoff=0.5)
    colours = (_noise(size, _COLOUR_FINEST, _COLOUR_COARSE_SHARE, seed=seed) for seed in (2, 3))
    return Image.merge("YCbCr", (light, *colours)).convert("RGB")


def _noise(size: Size, finest: int, coarse_share: float, *, seed: int) -> Image.Image:
    """Return noise of ever coarser cells, from `finest` pixels to a fourth of the picture; the coarser the stronger."""
    random_bytes = random.Random(seed).randbytes
    noise: Image.Image | None = None
    cell = finest
    while cell <= max(size) // 4:
        width, height = (-(-side // cell) for side in size)
        layer = Image.frombytes("L", (width, height), random_bytes(width * height))
        layer = layer.resize(size, Image.Resampling.BICUBIC)
        noise = layer if noise is None else Image.blend(noise, layer, coarse_share)
        cell *= 2
    assert noise is not None
    return noise


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = _MAKER
    exif[ExifTags.Base.Orientation] = 1
    exif[ExifTags.Base.DateTime] = _AT
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: _LATITUDE})
    return exif


def read_photo(data: bytes) -> Image.Image:
    """Return a photo decoded, with its metadata."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
