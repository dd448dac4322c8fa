"""From a picture's own colour space to sRGB, which is what a picture without a profile is taken for.

Converted rather than kept: a profile is metadata that can name a device, it is often longer than a small variant, and a
ThumbHash has no room for one. What lies outside sRGB, such as the reddest red of Display P3, is clipped.
"""

import io

from PIL import Image, ImageCms

_SPACES = {"L": "GRAY", "RGB": "RGB ", "RGBA": "RGB ", "CMYK": "CMYK"}
_SRGB = ImageCms.createProfile("sRGB")


def srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Return a picture of mode L, RGB, RGBA or CMYK in sRGB, as L, RGB or RGBA.

    A profile that is damaged, or for another kind of colours, is ignored as browsers ignore it.
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
