"""Decoding itself, in this process: pictures that the tests have made, and are no danger."""

import io
import random
import struct
import zlib

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageStat

from pixstore_asgi.decoding.pictures import decode
from pixstore_asgi.decoding.task import Decoded, Refusal, Task, Variant
from tests.decoding.made import (
    COLOURS,
    FORMATS,
    chunk,
    corners,
    encoded,
    long_gif,
    near,
    opened,
    photo,
    quarters,
    said,
    still_gif,
    task,
    with_chunk,
    zeros_png,
)
from tests.support.metadata import segment
from tests.support.oriented import orientation_seen, oriented_pictures
from tests.support.stripping import strip

SMALL = Variant("small", 30, 30)


def decoded(data: bytes, kind: str, what: Task | None = None) -> Decoded:
    return decode(io.BytesIO(data), kind, what or task(SMALL, placeholder=True))


def small(data: bytes, kind: str, variant: Variant = SMALL) -> Image.Image:
    """Return the only variant. Check that its fields are right."""
    outcome = decoded(data, kind, task(variant)).variants[variant.name]
    image = opened(outcome.data)
    assert (image.format, image.size) == (outcome.format.upper(), (outcome.width, outcome.height))
    return image


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_decoded(kind: str) -> None:
    """A picture of each format has its size, its colours, a variant of the format that suits it, and a hash."""
    outcome = decoded(encoded(quarters(), kind), kind)
    assert (outcome.width, outcome.height) == (60, 40)
    made = outcome.variants["small"]
    assert (made.format, made.width, made.height) == ("jpeg" if kind == "jpeg" else "webp", 30, 20)
    assert near(corners(opened(made.data)), [*COLOURS])
    assert outcome.placeholder
    assert len(outcome.placeholder) <= 25


@pytest.mark.parametrize("kind", FORMATS)
def test_a_check_alone_makes_nothing(kind: str) -> None:
    """Without variants and placeholder there are width and height alone."""
    assert decoded(encoded(quarters(), kind), kind, task()) == Decoded(60, 40)


def test_jpg_is_jpeg() -> None:
    """Both names of the format are known."""
    assert decoded(encoded(quarters(), "jpeg"), "jpg").variants["small"].format == "jpeg"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("named", FORMATS)
def test_no_other_format_than_the_one_named_is_tried(kind: str, named: str) -> None:
    """A picture is decoded under its own format's name, and under no other."""
    data = encoded(quarters(), kind)
    assert said(data, named, task()) == (Decoded(60, 40) if named == kind else Refusal.DAMAGED)


@pytest.mark.parametrize("kind", ["eps", "tiff", "bmp", "ppm"])
def test_formats_that_browsers_do_not_show_are_not_decoded(kind: str) -> None:
    """Pillow's other formats have no name here."""
    assert said(encoded(quarters(), kind), kind, task()) is Refusal.DAMAGED


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, of damaged EXIF
@pytest.mark.parametrize("name", oriented_pictures())
def test_a_picture_is_turned_as_browsers_turn_it(name: str) -> None:
    """Width, height, variant and placeholder are those of the picture as it is seen, also once it is stripped."""
    data, orientation = oriented_pictures()[name]
    for each in (data, strip(data)):
        outcome = decoded(each, name.split()[0], task(Variant("v", 24, 24, format="png"), placeholder=True))
        made = opened(outcome.variants["v"].data)
        assert made.size == (outcome.width, outcome.height)
        assert orientation_seen(*made.size, corners(made)) == orientation
        assert not made.getexif()
        assert outcome.placeholder
        assert (outcome.placeholder[4] & 0x80 > 0) == (orientation < 5)  # landscape


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0nothing", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0"])
def test_damaged_exif_turns_nothing(exif: bytes) -> None:
    """EXIF that can't be read is ignored, as browsers ignore it."""
    assert near(corners(small(encoded(quarters(), "jpeg", exif=exif), "jpeg")), [*COLOURS])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_of_each_mode_is_decoded(mode: str) -> None:
    """One bit, grey, palette, transparency and 16 bits keep their look."""
    if mode == "I;16":
        stored = Image.frombytes("I;16", (2, 1), (0x4000).to_bytes(2, "little") + (0xC000).to_bytes(2, "little"))
        stored = stored.resize((60, 40), Image.Resampling.NEAREST)
        seen: list[tuple[int, ...]] = [(0x40,) * 3, (0xC0,) * 3] * 2
    else:
        stored = quarters().quantize(4) if mode == "P" else quarters(mode=mode)
        seen = corners(stored)
    most = 255 if mode == "1" else 24  # dithered
    assert near(corners(small(encoded(stored, "png"), "png")), seen, most)


def test_cmyk_is_converted() -> None:
    """A JPEG of printing colours, with a profile of them or none, has variants in RGB."""
    made = small(encoded(quarters(mode="CMYK"), "jpeg"), "jpeg")
    assert made.mode == "RGB"
    assert near(corners(made), [*COLOURS], 40)


@pytest.mark.parametrize("kind", ["png", "webp", "gif", "avif"])
def test_transparency_is_kept(kind: str) -> None:
    """Transparent pixels stay transparent in WebP, PNG and AVIF, and are white in JPEG."""
    half = Image.new("L", (60, 40), 255)
    half.paste(0, (0, 0, 30, 40))
    picture = quarters(mode="RGBA")
    picture.putalpha(half)
    data = encoded(picture, kind)
    for made_as in (None, "png", "avif"):
        made = small(data, kind, Variant("small", 30, format=made_as)).convert("RGBA")
        alphas = [made.getpixel((7, 10)), made.getpixel((22, 10))]
        assert [pixel[3] for pixel in alphas if isinstance(pixel, tuple)] == [0, 255]
    flat = corners(small(data, kind, Variant("small", 30, format="jpeg")))
    assert near(flat, [(255, 255, 255), COLOURS[1], (255, 255, 255), COLOURS[3]])


def test_colours_do_not_bleed_out_of_what_is_transparent() -> None:
    """The colour of a pixel that is not seen has no part in those beside it."""
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 31, 64))
    made = small(encoded(picture, "png"), "png", Variant("small", 10, format="png"))
    assert all(red == 0 for red, _, _, alpha in _pixels(made) if alpha)


def _pixels(image: Image.Image) -> list[tuple[int, ...]]:
    data = image.convert("RGBA").tobytes()
    return [tuple(data[at : at + 4]) for at in range(0, len(data), 4)]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", None])
def test_no_metadata_is_copied(kind: str, format: str | None) -> None:
    """A variant of any format has no EXIF, XMP, comment, text or colour profile."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "planted-make"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, object] = {"exif": exif, "icc_profile": profile, "xmp": b"<x>planted-xmp</x>"}
    data = encoded(quarters(), kind, **options | ({"comment": b"planted-comment"} if kind == "jpeg" else {}))
    if kind == "png":
        data = with_chunk(data, b"tEXt", b"Comment\0planted-text")
    assert b"planted" in data
    outcome = decoded(data, kind, task(Variant("v", 30, format=format), Variant("whole", 60, format=format)))
    for made in outcome.variants.values():
        assert b"planted" not in made.data
        assert not {"icc_profile", "exif", "xmp", "comment"} & set(opened(made.data).info)


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_enlarged(kind: str) -> None:
    """Where the box is larger than the picture, the variant is of the picture's size."""
    assert small(encoded(quarters(), kind), kind, Variant("v", 500, 500)).size == (60, 40)


@pytest.mark.parametrize(("size", "wanted"), [((3000, 2), (30, 1)), ((2, 3000), (1, 30)), ((1, 1), (1, 1))])
def test_thin_pictures_have_variants(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    """No side of a variant is less than a pixel."""
    for kind in ("jpeg", "png"):
        assert small(encoded(Image.new("RGB", size), kind), kind).size == wanted


def test_all_variants_and_the_hash_show_the_same() -> None:
    """Several sizes and formats of a large JPEG, which is decoded at a smaller scale, agree."""
    data = encoded(quarters(2000, 1600), "jpeg")
    wanted = [Variant(f"v{side}-{kind}", side, format=kind) for side in (700, 300, 40) for kind in ("jpeg", "avif")]
    outcome = decoded(data, "jpeg", task(*wanted, placeholder=True))
    assert list(outcome.variants) == [variant.name for variant in wanted]
    for name, made in outcome.variants.items():
        assert name.startswith(f"v{made.width}-{made.format}")
        assert near(corners(opened(made.data)), [*COLOURS])


def test_a_variant_of_a_large_picture_is_as_good_as_by_the_best_filter() -> None:
    """Above a megapixel, a variant has a PSNR of at least 42 dB in each channel, beside a Lanczos of all pixels."""
    data = photo(2400, 1700, "jpeg")
    made = small(data, "jpeg", Variant("v", 1000, format="png"))
    best = opened(data).resize(made.size, Image.Resampling.LANCZOS)
    assert max(ImageStat.Stat(ImageChops.difference(made, best)).rms) < 255 / 10 ** (42 / 20)


def test_quality_is_what_was_asked_for() -> None:
    """A lower quality makes fewer bytes, in each format that has one."""
    data = photo(400, 300)
    for kind in ("jpeg", "webp", "avif"):
        outcome = decoded(data, "jpeg", task(*(Variant(f"q{q}", 300, format=kind, quality=q) for q in (20, 50, 90))))
        lengths = [len(made.data) for made in outcome.variants.values()]
        assert lengths == sorted(lengths)
        assert lengths[0] < lengths[2] / 2


def test_colours_of_another_space_are_converted() -> None:
    """A profile that exchanges red and blue is followed; for grey too, for transparency too, and a wrong one is not."""
    swapped = _swapping_profile()
    for kind, mode in (("jpeg", "RGB"), ("png", "RGB"), ("png", "RGBA"), ("webp", "RGBA")):
        made = small(encoded(quarters(mode=mode), kind, icc_profile=swapped), kind)
        assert near(corners(made), [(blue, green, red) for red, green, blue in COLOURS], 60), (kind, mode)
    grey = encoded(quarters(mode="L"), "png", icc_profile=swapped)
    assert near(corners(small(grey, "png")), corners(quarters(mode="L")))


def test_transparency_outlives_another_colour_space() -> None:
    """A converted picture keeps its transparency."""
    picture = quarters(mode="RGBA")
    picture.putalpha(77)
    made = small(encoded(picture, "png", icc_profile=_swapping_profile()), "png")
    assert {alpha for *_, alpha in _pixels(made)} == {77}


@pytest.mark.parametrize("profile", [b"no profile", b"\0" * 128, bytes(range(256)) * 4])
def test_a_damaged_profile_is_ignored(profile: bytes) -> None:
    """Colours are then taken for sRGB, as browsers take them."""
    assert near(corners(small(encoded(quarters(), "jpeg", icc_profile=profile), "jpeg")), [*COLOURS])


def _swapping_profile() -> bytes:
    """Return sRGB with the colorants of red and blue exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")


@pytest.mark.parametrize("kind", ["png", "webp", "gif", "avif"])
def test_the_first_frame_of_an_animation_is_shown(kind: str) -> None:
    """Variants are still, and of the first frame."""
    frames = [Image.new("RGB", (60, 40), colour) for colour in COLOURS]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    made = small(data, kind)
    assert getattr(made, "n_frames", 1) == 1
    assert near(corners(made), [COLOURS[0]] * 4)


@pytest.mark.parametrize("kind", ["png", "webp", "gif", "avif"])
def test_frames_are_counted(kind: str) -> None:
    """As many frames as are allowed are, and one more is refused."""
    frames = [quarters().rotate(5 * number) for number in range(4)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert decoded(data, kind, task(max_frames=4)) == Decoded(60, 40)
    assert said(data, kind, task(max_frames=3)) is Refusal.FRAMES
    assert decoded(data, kind, task(max_total_pixels=4 * 2400)) == Decoded(60, 40)
    assert said(data, kind, task(max_total_pixels=4 * 2400 - 1)) is Refusal.TOTAL_PIXELS


def test_frames_are_as_large_as_their_canvas() -> None:
    """A frame that changes one pixel counts as the whole canvas, and a header above the limit is refused before
    decoding.
    """
    most = task(max_total_pixels=100 * 100 * 10)
    assert decoded(still_gif(100, 100, 10), "gif", most).width == 100
    assert said(still_gif(100, 100, 11), "gif", most) is Refusal.TOTAL_PIXELS
    claims_more = with_chunk(encoded(quarters(), "png"), b"acTL", struct.pack(">II", 42, 0))
    assert said(claims_more, "png", most) is Refusal.TOTAL_PIXELS


def test_every_frame_is_decoded() -> None:
    """An animation with a cut last frame is damaged, even if its first frame is whole."""
    data = long_gif(64, 3)
    assert decoded(data, "gif").width == 64
    assert said(data[:-2000], "gif", task()) is Refusal.DAMAGED


@pytest.mark.parametrize("kind", FORMATS)
def test_pixels_are_counted(kind: str) -> None:
    """A picture of exactly the allowed pixels decodes, and one more pixel is refused, independent of Pillow's own
    limit.
    """
    data = encoded(quarters(), kind)
    assert decoded(data, kind, task(max_pixels=2400)).width == 60
    assert said(data, kind, task(max_pixels=2399)) is Refusal.PIXELS


def test_pixels_are_counted_before_they_are_decoded() -> None:
    """2.5 thousand million pixels are refused by the header alone."""
    bomb = zeros_png(50_000, 8)
    head = bomb[8:33].replace((8).to_bytes(4, "big"), (50_000).to_bytes(4, "big"))
    bomb = bomb[:8] + chunk(b"IHDR", head[8:21]) + bomb[33:]
    assert said(bomb, "png", task()) is Refusal.PIXELS


@pytest.mark.slow
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_chunks_that_unpack_to_much_are_refused(kind: bytes) -> None:
    """A text or profile of a PNG that unpacks to 64 MiB is not unpacked."""
    packed = zlib.compress(bytes(64 * 1024 * 1024))
    data = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}[kind] + packed
    assert said(with_chunk(encoded(quarters(), "png"), kind, data), "png", task()) is Refusal.DAMAGED


@pytest.mark.parametrize("place", ["header", "pixels", "text"])
def test_the_checksum_of_every_chunk_is_looked_at(place: str) -> None:
    """A PNG with one wrong checksum is damaged, be it of the header, the pixels or a text."""
    png = with_chunk(encoded(quarters(), "png"), b"tEXt", b"a\0b")
    kinds = {"header": b"IHDR", "pixels": b"IDAT", "text": b"tEXt"}
    at = png.index(kinds[place])
    crc = at + 4 + int.from_bytes(png[at - 4 : at], "big")
    damaged = png[:crc] + bytes([png[crc] ^ 1]) + png[crc + 1 :]
    decoded(png, "png")
    assert said(damaged, "png", task()) is Refusal.DAMAGED


@pytest.mark.parametrize("kind", FORMATS)
def test_a_cut_picture_is_damaged(kind: str) -> None:
    """A picture that is cut off in the middle is refused."""
    data = photo(300, 200, kind)
    for cut in random.Random(1).sample(range(len(data) // 10, len(data) * 9 // 10), 20):
        assert said(data[:cut], kind, task(SMALL)) is Refusal.DAMAGED


def test_scans_are_counted() -> None:
    """A JPEG of 100 scans is decoded, and one of 101 is refused. Scans in segments or behind the end do not count."""
    progressive = encoded(quarters(), "jpeg", progressive=True)
    *others, last = progressive[:-2].split(b"\xff\xda")
    scans = len(others)

    def repeated(count: int) -> bytes:
        return b"\xff\xda".join([*others, *[last] * (count - scans + 1)]) + b"\xff\xd9"

    in_segment = segment(0xFE, b"\xff\xd9" + b"\xff\xda" * 200)
    behind = repeated(100) + b"\xff\xda" * 200
    for data in (repeated(100), repeated(100)[:2] + in_segment + repeated(100)[2:], behind):
        assert said(data, "jpeg", task()) == Decoded(60, 40)
    between = b"\xff\xda".join([*others, last + in_segment, *[last] * (100 - scans + 1)]) + b"\xff\xd9"
    for data in (repeated(101), between):
        assert said(data, "jpeg", task()) is Refusal.SCANS


@pytest.mark.parametrize("code", [0x01, 0x02, 0xBF])
def test_a_reserved_marker_hides_no_scans(code: int) -> None:
    """A JPEG of 101 scans is refused, also if a reserved marker and a length precede them at a restart marker."""
    *others, last = encoded(quarters(), "jpeg", progressive=True)[:-2].split(b"\xff\xda")
    hiding = bytes([0xFF, 0xD0, 0xFF, code, 0xFF, 0xFF])
    data = b"\xff\xda".join([*others, last + hiding, *[last] * (100 - len(others) + 1)]) + b"\xff\xd9"
    assert said(data, "jpeg", task()) is Refusal.SCANS
