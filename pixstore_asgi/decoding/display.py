"""How browsers display a picture: its orientation, and its colours in sRGB.

Pillow also uses orientations that browsers ignore: other number types, EXIF in WebP, the last of several blocks.

The colours are converted to sRGB, and the colour profile is dropped. A profile is metadata that can name a device. It
is often longer than a small variant, and a ThumbHash has no place for it. Colours outside sRGB, such as the most
intense red of Display P3, are clipped.
"""

import io

from PIL import ExifTags, Image, ImageCms, ImageFile, JpegImagePlugin

from ..core.strip.jpeg import EXIF_MARK_BYTES, UPRIGHT, is_exif, orientation

_PNG_SIGNATURE_BYTES = 8


def orientation_of(image: ImageFile.ImageFile, file: io.BytesIO) -> int:
    """Return the orientation of the picture in this file, 1 to 8 (EXIF 2.32, section 4.6.4, tag 0x0112).

    image: the same picture, opened by Pillow. Browsers never turn a GIF, and never turn a WebP by its EXIF.
    """
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        blocks = (content for name, content in image.applist if name == "APP1" and is_exif(content))
        return orientation(next(blocks, b"")[EXIF_MARK_BYTES:])
    if image.format == "PNG":
        with file.getbuffer() as data:
            return orientation(_exif_of_png(data))
    if image.format == "AVIF":
        return _turn_of_avif(image)
    return UPRIGHT


def _exif_of_png(data: memoryview) -> bytes:
    """Return the content of the first eXIf chunk before the pixels, or no bytes."""
    at = _PNG_SIGNATURE_BYTES
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4]), bytes(data[at + 4 : at + 8])
        if kind == b"eXIf":
            return bytes(data[at + 8 : at + 8 + length])
        if kind == b"IDAT":
            break
        at += length + 12
    return b""


def _turn_of_avif(image: ImageFile.ImageFile) -> int:
    """Return the orientation that the irot and imir properties give.

    Pillow writes this orientation over the EXIF orientation of the file, which browsers ignore.
    """
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    return int(exif.get(ExifTags.Base.Orientation, UPRIGHT))


_SPACES = {"L": "GRAY", "RGB": "RGB ", "RGBA": "RGB ", "CMYK": "CMYK"}
_SRGB = ImageCms.createProfile("sRGB")


def srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Convert a picture of mode L, RGB, RGBA or CMYK to sRGB. The result has mode L, RGB or RGBA.

    Like browsers, it ignores a damaged profile and a profile for another colour space.
    """
    if icc_profile:
        try:
            return _converted(image, icc_profile)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB") if image.mode == "CMYK" else image


def _converted(image: Image.Image, icc_profile: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
    if profile.profile.xcolor_space != _SPACES[image.mode]:
        raise ValueError("a profile for another kind of colours")
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    converted = ImageCms.profileToProfile(image, profile, _SRGB, outputMode=mode)
    assert converted is not None
    return converted
