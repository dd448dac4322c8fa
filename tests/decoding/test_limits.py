"""Bombs: each limit refuses its own, and the next picture is decoded."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from pixstore_asgi.decoding import Decoded, Variant
from pixstore_asgi.errors import InvalidImage
from tests.decoding.conftest import MakeDecoder
from tests.decoding.made import chunk, encoded, long_gif, photo, quarters, still_gif, zeros_png
from tests.decoding.processes import children, fork_servers, status, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps to the limit of memory"),
]

PICTURE = encoded(quarters(), "png")
NO_TOTAL = {"max_total_pixels": 10**11}


def claimed_png(width: int, height: int) -> bytes:
    """Return a PNG with a header that claims a size its pixels do not have."""
    small = zeros_png(64, 64)
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + small[24:29]
    return small[:8] + chunk(b"IHDR", head) + small[33:]


def claimed_avif(width: int, height: int) -> bytes:
    """Return an AVIF with an `ispe` property that claims a size its pixels do not have."""
    data = encoded(quarters(), "avif")
    at = data.index(b"ispe") + 8
    return data[:at] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[at + 8 :]


def claimed_webp(width: int, height: int) -> bytes:
    """Return a WebP with a canvas larger than its only frame."""
    frames = [quarters(), quarters().rotate(90)]
    data = encoded(frames[0], "webp", save_all=True, append_images=frames[1:])
    at = data.index(b"VP8X") + 12
    return data[:at] + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + data[at + 6 :]


@pytest.mark.parametrize(
    ("kind", "bomb", "limits", "says"),
    [
        ("png", lambda: claimed_png(50_000, 50_000), {}, "100 megapixels"),
        ("png", lambda: zeros_png(20_000, 5_001), {}, "100 megapixels"),
        ("jpeg", lambda: encoded(Image.new("L", (12_000, 9_000)), "jpeg"), {}, "100 megapixels"),
        ("avif", lambda: claimed_avif(30_000, 30_000), {}, "100 megapixels|does not decode"),
        ("webp", lambda: claimed_webp(16_383, 16_383), {}, "100 megapixels|does not decode"),
        ("gif", lambda: long_gif(1, 200_000), {}, "1,000 frames"),
        ("gif", lambda: still_gif(3000, 3000, 990), {"max_total_pixels": 10**8}, "100 megapixels together"),
        ("gif", lambda: long_gif(16, 30), {"max_frames": 29}, "29 frames"),
        ("gif", lambda: still_gif(4000, 4000, 990), {"max_cpu_s": 1, **NO_TOTAL}, "1 s of processor time"),
        ("gif", lambda: still_gif(4000, 4000, 990), {"max_wall_s": 0.5, **NO_TOTAL}, "0.5 s in all"),
        ("png", lambda: zeros_png(10_000, 9_000), {"max_memory_bytes": 40_000_000}, "0.0373 GiB"),
        ("png", lambda: photo(2400, 1800, "png"), {"max_memory_bytes": 1_000_000}, "0.000931 GiB"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
async def test_a_bomb_is_an_invalid_image(
    make_decoder: MakeDecoder, kind: str, bomb: Callable[[], bytes], limits: dict[str, Any], says: str
) -> None:
    """It is refused, by the limit that it is over; the process that met it is gone, and the next picture decoded."""
    decoder = make_decoder([Variant("v", 100)], placeholder=True, **limits)
    with pytest.raises(InvalidImage, match=says):
        await decoder.decode([bomb()], kind)
    if "max_memory_bytes" not in limits:
        assert (await decoder.decode([PICTURE], "png")).width == 60
    (server,) = fork_servers()
    wait_until(lambda: not children(server))
    assert status(server, "VmHWM") < 150 * 1024


async def test_pictures_up_to_the_limits_are_decoded(make_decoder: MakeDecoder) -> None:
    """48 and 100 megapixels, 300 frames, and 1,000 frames of 1280 by 720 are within the defaults."""
    decoder = make_decoder([Variant("v", 320)], placeholder=True)
    assert (await decoder.decode([encoded(Image.new("RGB", (8064, 6048)), "jpeg")], "jpeg")).width == 8064
    assert (
        await decoder.decode([encoded(Image.new("RGB", (10_000, 10_000)), "png", compress_level=1)], "png")
    ).width == 10_000
    assert (await decoder.decode([long_gif(100, 300)], "gif")).width == 100
    assert (await decoder.decode([still_gif(1280, 720, 1000)], "gif")).width == 1280


async def test_an_avif_has_only_so_much_memory(make_decoder: MakeDecoder) -> None:
    """An AVIF whose pixels do not fit into the memory is refused for that, and not as damaged."""
    for mib in (150, 200):
        decoder = make_decoder(max_memory_bytes=mib * 1024 * 1024)
        with pytest.raises(InvalidImage, match="takes more memory"):
            await decoder.decode([encoded(Image.new("RGB", (8000, 8000)), "avif", speed=10)], "avif")


async def test_a_picture_has_only_so_much_memory(make_decoder: MakeDecoder) -> None:
    """Memory that is enough for a check is accepted, and memory that is not enough for a variant is refused."""
    checks = make_decoder(max_memory_bytes=60 * 1024 * 1024)
    assert await checks.decode([zeros_png(10_000, 4_000)], "png") == Decoded(10_000, 4_000)
    with pytest.raises(InvalidImage, match="more memory to decode than"):
        await make_decoder([Variant("v", 9_000)], max_memory_bytes=60 * 1024 * 1024).decode(
            [zeros_png(10_000, 4_000)], "png"
        )
