"""Decodes one picture completely with Pillow, and makes its variants and placeholder. Runs in a confined worker."""

import io
import itertools
import re
import warnings
from collections.abc import Callable

from PIL import AvifImagePlugin, Image, ImageFile

from .display import orientation_of, srgb
from .task import MAX_SCANS, Decoded, EncodedVariant, Limits, Refusal, Task, Variant
from .thumbhash import thumbhash

_PILLOW_NAMES = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "avif": "AVIF"}
_ANIMATED = frozenset({"png", "webp", "gif", "avif"})
_COUNTED = _ANIMATED - {"gif"}  # formats whose files contain the number of frames
# Before resizing, average pixels down to at least twice the wanted size, as Pillow does for thumbnails.
_REDUCING_GAP = 2.0
_LARGE = 1_000_000  # pixels: from here on, most of a worker's time would go to the Lanczos filter
_QUALITY, _AVIF_QUALITY = 80, 60
_HASH_BOX = Variant("placeholder", 32, 32)  # a ThumbHash has at most seven waves in a row, so it shows no more detail
_WHITE = (255, 255, 255)

# How to turn the stored picture into the displayed one, by orientation (EXIF 2.32, section 4.6.4, tag 0x0112).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = 5  # from this orientation on, width and height are swapped

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

Encode = Callable[[Image.Image, int | None], bytes]


class Refused(Exception):
    """Raised if the picture is refused. refusal: the reason."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def configure(limits: Limits) -> None:
    """Set up Pillow in this process: strict, within the limits, and with one thread."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # Pillow warns above its limit and refuses above twice that.
    Image.MAX_IMAGE_PIXELS = max(1, (limits.max_pixels + 1) // 2)
    warnings.simplefilter("ignore")
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def decode(file: io.BytesIO, name: str, task: Task) -> Decoded:
    """Decode every frame of a picture in the named format. Make the placeholder and variants from its first frame.

    Raises Refused, MemoryError, and any error of Pillow for damaged bytes.
    """
    try:
        if name == "png":
            with Image.open(file, formats=["PNG"]) as image:
                image.verify()  # checks the CRC of each chunk, which decoding ignores
            file.seek(0)
        if _PILLOW_NAMES[name] == "JPEG":
            with file.getbuffer() as data:
                if count_scans(data) > MAX_SCANS:
                    raise Refused(Refusal.SCANS)
        with Image.open(file, formats=[_PILLOW_NAMES[name]]) as image:
            return _decode(image, file, name, task)
    except Image.DecompressionBombError:
        raise Refused(Refusal.PIXELS) from None


def _decode(image: ImageFile.ImageFile, file: io.BytesIO, name: str, task: Task) -> Decoded:
    _check_limits(image, name, task.limits)
    turn = orientation_of(image, file)
    stored = image.size
    size = stored[::-1] if turn >= _LYING else stored
    sizes = [variant.whole_size(*size) for variant in task.variants]
    if task.placeholder:
        sizes.append(_HASH_BOX.size_of(*size))
    largest = max(sizes, default=(1, 1))
    # All data of a JPEG is read at any scale. A smaller scale only makes fewer pixels, by a smaller transform.
    image.draft(None, _scaled(largest[::-1] if turn >= _LYING else largest, stored))
    image.load()
    shrunk = _shrunk(image, largest, turn) if sizes else None
    if name in _ANIMATED:
        _check_frames(image, task.limits)
    if shrunk is None:
        return Decoded(*size)
    return _made(shrunk, "jpeg" if _PILLOW_NAMES[name] == "JPEG" else "webp", size, task)


def _made(shrunk: Image.Image, usual: str, size: tuple[int, int], task: Task) -> Decoded:
    variants = {}
    for variant in task.variants:
        kind = variant.format or usual
        fitted = _resized(shrunk, variant.size_of(*size), _part_of(shrunk, variant.crop_of(*size), size))
        variants[variant.name] = EncodedVariant(_ENCODE[kind](fitted, variant.quality), kind, *fitted.size)
    placeholder = None
    if task.placeholder:
        tiny = _resized(shrunk, _HASH_BOX.size_of(*size)).convert("RGBA")
        placeholder = thumbhash(*tiny.size, tiny.tobytes())
    return Decoded(*size, placeholder, variants)


def _check_limits(image: ImageFile.ImageFile, name: str, limits: Limits) -> None:
    pixels = image.width * image.height
    if pixels > limits.max_pixels:
        raise Refused(Refusal.PIXELS)
    frames = getattr(image, "n_frames", 1) if name in _COUNTED else 1
    if frames > limits.max_frames:
        raise Refused(Refusal.FRAMES)
    if frames * pixels > limits.max_total_pixels:
        raise Refused(Refusal.TOTAL_PIXELS)


def _check_frames(image: ImageFile.ImageFile, limits: Limits) -> None:
    """Decode every frame after the first one, only to check it."""
    pixels = image.width * image.height
    for number in itertools.count(1):
        try:
            image.seek(number)
        except EOFError:
            return
        if number >= limits.max_frames:
            raise Refused(Refusal.FRAMES)
        pixels += image.width * image.height  # a frame of a GIF may enlarge the canvas
        if pixels > limits.max_total_pixels:
            raise Refused(Refusal.TOTAL_PIXELS)
        image.load()


def _scaled(wanted: tuple[int, int], stored: tuple[int, int]) -> tuple[int, int]:
    """Return a size to decode a JPEG at: large enough for all variants, and at most the stored size."""
    return min(stored[0], round(wanted[0] * _REDUCING_GAP)), min(stored[1], round(wanted[1] * _REDUCING_GAP))


def _shrunk(image: Image.Image, largest: tuple[int, int], turn: int) -> Image.Image:
    """Return the picture at the largest wanted size: turned as displayed, in sRGB, without metadata."""
    icc_profile = image.info.get("icc_profile")
    # Of a large picture, both filters make the same one to the eye, and bicubic takes a third less time.
    resampling = Image.Resampling.BICUBIC if image.width * image.height > _LARGE else Image.Resampling.LANCZOS
    plain = _resized(_plain(image), largest[::-1] if turn >= _LYING else largest, resampling=resampling)
    if turn in _TURNS:
        plain = plain.transpose(_TURNS[turn])
    plain = srgb(plain, icc_profile)
    plain.info = {}
    return plain


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that Pillow can resize: L, RGB, RGBA or CMYK, with 8 bits per channel."""
    is_ready = image.mode == "RGBA" or (image.mode in {"L", "RGB", "CMYK"} and not image.has_transparency_data)
    if is_ready:
        return image
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _part_of(shrunk: Image.Image, crop: Box, size: tuple[int, int]) -> Box:
    """Return the part of the shrunk picture that shows this part of the original, which has this size."""
    (width, height), (left, top, right, bottom) = size, crop
    # Multiply first: the whole picture then keeps its exact size.
    x, y = left * shrunk.width / width, top * shrunk.height / height
    return x, y, min(right * shrunk.width / width, shrunk.width), min(bottom * shrunk.height / height, shrunk.height)


def _resized(
    image: Image.Image,
    size: tuple[int, int],
    box: Box | None = None,
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    if image.size == size:
        return image.copy()
    return image.resize(size, resampling, box, reducing_gap=_REDUCING_GAP)


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, format, **options)
    return output.getvalue()


def _jpeg(image: Image.Image, quality: int | None) -> bytes:
    if image.mode == "RGBA":
        ground = Image.new("RGB", image.size, _WHITE)
        ground.paste(image, mask=image)
        image = ground
    return _saved(image, "JPEG", quality=quality or _QUALITY, optimize=True)


def _webp(image: Image.Image, quality: int | None) -> bytes:
    return _saved(image, "WEBP", quality=quality or _QUALITY)


def _png(image: Image.Image, _: int | None) -> bytes:
    return _saved(image, "PNG")


def _avif(image: Image.Image, quality: int | None) -> bytes:
    return _saved(image, "AVIF", quality=quality or _AVIF_QUALITY)


_ENCODE: dict[str, Encode] = {"jpeg": _jpeg, "webp": _webp, "png": _png, "avif": _avif}


_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FIRST_SEGMENT = 0xC0  # decoders skip a lower marker alone: no length follows it (T.81, table B.1)

# In a scan's data, FF is followed by 00 or by a restart marker (T.81, sections B.1.1.2 and B.1.1.5).
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def count_scans(data: memoryview) -> int:
    """Return the number of scans of the first picture in a JPEG file (ITU-T T.81, section B.2)."""
    count = at = 0
    while found := _MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == _END:
            break
        count += marker == _SCAN
        if marker >= _FIRST_SEGMENT and marker != _START:
            at += int.from_bytes(data[at : at + 2])
    return count
