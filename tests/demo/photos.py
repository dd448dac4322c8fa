"""Photos as a camera writes them, and one that is only half there."""

import io
import zlib

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from tests.support.samples import picture


def photo(size: tuple[int, int], *, kind: str = "jpeg", orientation: int = 1) -> bytes:
    """Return a picture with the place, time, camera and author in its metadata."""
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model], exif[Base.Software] = "Fairphone", "FP5", "Camera 4.2"
    exif[Base.Artist], exif[Base.Orientation] = "Ada Lovelace", orientation
    taken = exif.get_ifd(IFD.Exif)
    taken[Base.DateTimeOriginal], taken[Base.BodySerialNumber] = "2026:06:14 12:03:11", "SN-4711"
    taken[Base.MakerNote] = bytes(9000)
    position = exif.get_ifd(IFD.GPSInfo)
    position[GPS.GPSLatitudeRef], position[GPS.GPSLatitude] = "N", (48.0, 12.0, 29.52)
    position[GPS.GPSLongitudeRef], position[GPS.GPSLongitude] = "E", (16.0, 22.0, 18.84)
    output = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(output, kind, exif=exif)
    return output.getvalue()


def half_png() -> bytes:
    """Return a PNG with whole chunks and truncated compressed pixels."""
    data = picture("png")
    start = data.index(b"IDAT")
    length = int.from_bytes(data[start - 4 : start])
    chunk = data[start : start + 4 + length // 2]
    end = data[start + 4 + length + 4 :]
    return data[: start - 4] + (length // 2).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) + end
