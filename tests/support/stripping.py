"""Pictures with their metadata removed, and Pillow's view of them."""

import io
from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image, ImageFile

from pixstore_asgi.core.formats import FORMAT_BYTES, SNIFF_BYTES, check_formats, sniff
from pixstore_asgi.core.strip import find_stripper
from pixstore_asgi.decoding.display import orientation_of


class Seen(NamedTuple):
    """A viewer's picture: frames (mode, size, pixels, duration) and the fields that affect how they look."""

    frames: list[tuple[str, tuple[int, int], bytes, object]]
    orientation: int
    profile: bytes | None
    loop: object
    density: object


def strip(pieces: bytes | Iterable[bytes]) -> bytes:
    """Return the stripped image. It comes whole or in pieces; the first piece is whole or has at least SNIFF_BYTES."""
    parts = [pieces] if isinstance(pieces, bytes) else list(pieces)
    stripper = find_stripper(b"".join(parts[:SNIFF_BYTES])[:SNIFF_BYTES])
    assert stripper is not None
    kept = b"".join([stripper.feed(part) for part in parts])
    stripper.finish()
    return kept


def in_pieces(data: bytes, length: int) -> list[bytes]:
    """Cut an image into pieces of one length."""
    return [data[start : start + length] for start in range(0, len(data), length)]


def follow(data: bytes) -> None:
    """Read an image's container as a save does. Raises InvalidImage."""
    reader = sniff(data[:SNIFF_BYTES], check_formats(list(FORMAT_BYTES)))
    list(reader.feed(data))
    reader.finish()


def seen(data: bytes) -> Seen:
    """Decode an image with Pillow."""
    file = io.BytesIO(data)
    with Image.open(file) as image:
        assert isinstance(image, ImageFile.ImageFile)
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append((image.mode, image.size, image.tobytes(), image.info.get("duration")))
        return Seen(
            frames,
            orientation_of(image, file),
            image.info.get("icc_profile"),
            image.info.get("loop"),
            image.info.get("jfif_density") if image.format == "JPEG" else image.info.get("dpi"),
        )
