"""The task of a decoder, its limits, and its results: a decoded picture with its variants, or a refusal."""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Literal, Self

from ..errors import ConfigError

VARIANT_FORMATS = ("jpeg", "png", "webp", "avif")
LARGEST_SIDE = 16_383
"""The largest width and height of a variant in pixels: WebP allows no more (RFC 9649, section 2.7)."""

_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_QUALITIES = range(1, 101)
_FITS = ("inside", "cover")

Focus = tuple[float, float]
"""A point of a picture as displayed: fractions of its width and height, from its top left corner."""

CENTRE: Focus = (0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Variant:
    """A smaller copy to make of every picture. It is scaled down to a box and never enlarged.

    Args:
        name: 1 to 32 of the characters a-z, 0-9, _ and -.
        width: Width of the box, 1 to 16383 pixels. None: any width.
        height: Height of the box, 1 to 16383 pixels. None: any height. A width or height is required.
        format: jpeg, png, webp or avif. None: JPEG for a JPEG, else WebP, which keeps transparency.
        quality: 1 to 100. None: 80, or 60 for AVIF. A PNG takes none.
        fit: "inside": the whole picture, scaled to fit into the box. "cover": the picture is scaled and cropped to
            exactly the box, which needs a width and a height. A picture smaller than the box is only cropped, to the
            box's ratio.
        focus: With "cover", the point of the picture that is kept as near to the middle as possible: fractions of its
            width and height as displayed, from the top left. `save_image` and `update_image` can override it.

    Raises:
        ConfigError: A value is invalid.
    """

    name: str
    width: int | None = None
    height: int | None = None
    format: str | None = None
    quality: int | None = None
    fit: Literal["inside", "cover"] = "inside"
    focus: Focus = CENTRE

    def __post_init__(self) -> None:
        self._check_size()
        self._check_format()
        self._check_fit()

    def _check_size(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigError("a variant's name is 1 to 32 of the characters a-z, 0-9, _ and -")
        sides = {"width": self.width, "height": self.height}
        if not any(side is not None for side in sides.values()):
            raise ConfigError(f"the variant {self.name} needs a width or a height")
        for which, side in sides.items():
            if side is not None and not (_is_int(side) and 1 <= side <= LARGEST_SIDE):
                raise ConfigError(f"the variant {self.name} needs a {which} of 1 to {LARGEST_SIDE}, not {side!r:.40}")

    def _check_format(self) -> None:
        if self.format is not None and self.format not in VARIANT_FORMATS:
            raise ConfigError(f"the variant {self.name} can be of the format {', '.join(VARIANT_FORMATS)} or None")
        if self.quality is not None and not (_is_int(self.quality) and self.quality in _QUALITIES):
            raise ConfigError(f"the quality of the variant {self.name} must be from 1 to 100")
        if self.quality is not None and self.format == "png":
            raise ConfigError(f"the variant {self.name} is a PNG, which loses nothing: it takes no quality")

    def _check_fit(self) -> None:
        if self.fit not in _FITS:
            raise ConfigError(f"the fit of the variant {self.name} can be {' or '.join(_FITS)}")
        if not is_focus(self.focus):
            raise ConfigError(
                f"the focus of the variant {self.name} must be two numbers from 0 to 1, such as (0.5, 0.3)"
            )
        object.__setattr__(self, "focus", tuple(self.focus))
        if self.fit == "cover" and None in (self.width, self.height):
            raise ConfigError(f"the variant {self.name} needs a width and a height, because it covers a box")
        if self.fit == "inside" and self.focus != CENTRE:
            raise ConfigError(f'the variant {self.name} shows the whole picture: only fit="cover" takes a focus')

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height, in pixels, that this variant has if the original is `width` by `height`."""
        if self.fit == "cover" and self.width and self.height:
            scale = min(1, width / self.width, height / self.height)
            return max(1, round(self.width * scale)), max(1, round(self.height * scale))
        scale = min(1, (self.width or LARGEST_SIDE) / width, (self.height or LARGEST_SIDE) / height)
        scale = min(scale, LARGEST_SIDE / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))

    def crop_of(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part of an original of this size that the variant shows: left, top, right and bottom in pixels.

        It has the ratio of `size_of` and the largest possible size, and begins at a whole pixel.
        """
        if self.fit == "inside":
            return 0, 0, width, height
        across, down = self.size_of(width, height)
        wide, high = min(width, height * across / down), min(height, width * down / across)
        left, top = (
            int(min(max(at * side - part / 2, 0), side - part))
            for at, side, part in zip(self.focus, (width, height), (wide, high), strict=True)
        )
        return left, top, left + wide, top + high

    def whole_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size of the whole original at the scale of the variant."""
        across, down = self.size_of(width, height)
        left, top, right, bottom = self.crop_of(width, height)
        return max(1, round(width * across / (right - left))), max(1, round(height * down / (bottom - top)))


@dataclass(frozen=True, slots=True)
class EncodedVariant:
    """One variant of one picture. data: an image file. format: jpeg, png, webp or avif. width, height: in pixels."""

    data: bytes = field(repr=False)
    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of decoding one picture completely.

    width, height: size of the original in pixels, as displayed. placeholder: its ThumbHash, at most 25 bytes, or None.
    variants: the variants by name.
    """

    width: int
    height: int
    placeholder: bytes | None = field(default=None, repr=False)
    variants: dict[str, EncodedVariant] = field(default_factory=dict)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_focus(value: object) -> bool:
    """Return whether this is a Focus: two numbers from 0 to 1."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    return all(isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each <= 1 for each in value)


MAX_SCANS = 100  # encoders make about ten; each scan makes a decoder go through all pixels again


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for decoding one picture. Raises ConfigError for an invalid limit.

    Args:
        max_pixels: Width times height of one frame.
        max_total_pixels: Pixels of all frames of an animation. Each frame counts as the whole canvas, because decoding
            costs as much even if the frame changes only a part of the canvas.
        max_frames: The number of frames of an animation.
        max_cpu_s: Processor time in whole seconds.
        max_wall_s: Seconds from the first byte to the reply.
        max_memory_bytes: Memory of one process, beyond its memory before the picture arrives. Only Linux enforces it.
    """

    max_pixels: int = 100_000_000
    max_total_pixels: int = 1_000_000_000  # 1,000 frames of 1280 by 720 have 921,600,000
    max_frames: int = 1_000
    max_cpu_s: int = 20
    max_wall_s: float = 60
    max_memory_bytes: int = 1024 * 1024 * 1024

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            kind = int | float if name == "max_wall_s" else int
            if not isinstance(value, kind) or isinstance(value, bool) or not 0 < value < 2**60:
                raise ConfigError(f"{name} must be a number above 0, and a whole number except for max_wall_s")


@dataclass(frozen=True, slots=True)
class Task:
    """The work of a decoder for every picture: the variants, the placeholder and the limits. Raises ConfigError if
    two variants have the same name.
    """

    variants: tuple[Variant, ...]
    placeholder: bool
    limits: Limits

    def __post_init__(self) -> None:
        if not all(isinstance(variant, Variant) for variant in self.variants):
            raise ConfigError("variants must be a list of Variant(…)")
        if len({variant.name for variant in self.variants}) < len(self.variants):
            raise ConfigError("two variants have the same name: give each its own")

    @property
    def crops(self) -> bool:
        """Whether a variant is cropped."""
        return any(variant.fit == "cover" for variant in self.variants)

    def with_focus(self, focus: Focus) -> Self:
        """Return the task for a picture with its own focus."""
        variants = (replace(each, focus=focus) if each.fit == "cover" else each for each in self.variants)
        return replace(self, variants=tuple(variants))

    def to_json(self) -> str:
        """Return the task as JSON, for `from_json` in another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the task that `to_json` wrote."""
        fields = json.loads(text)
        variants = tuple(Variant(**each) for each in fields["variants"])
        return cls(variants, fields["placeholder"], Limits(**fields["limits"]))


_MEGA = 1_000_000
_GIB = 1024 * 1024 * 1024
_WRITTEN = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WebP", "gif": "GIF", "avif": "AVIF"}


class Refusal(StrEnum):
    """The reason why a picture is refused."""

    DAMAGED = "damaged"
    PIXELS = "pixels"
    TOTAL_PIXELS = "total-pixels"
    FRAMES = "frames"
    SCANS = "scans"
    MEMORY = "memory"
    TIME = "time"
    REPLY = "reply"
    CRASH = "crash"

    def text(self, format: str, limits: Limits) -> str:
        """Return the error message for the sender: the reason, and how to make a picture that is accepted."""
        match self:
            case Refusal.DAMAGED:
                return f"the {_WRITTEN.get(format, format)} image does not decode: it is damaged"
            case Refusal.PIXELS:
                return f"the image has more than {limits.max_pixels / _MEGA:,g} megapixels: scale it down"
            case Refusal.TOTAL_PIXELS:
                most = limits.max_total_pixels / _MEGA
                return f"the image's frames have more than {most:,g} megapixels together: shorten it or scale it down"
            case Refusal.FRAMES:
                return f"the image has more than {limits.max_frames:,} frames: shorten it"
            case Refusal.SCANS:
                return f"the JPEG image has more than {MAX_SCANS} scans: save it again in an image program"
            case Refusal.MEMORY:
                most = limits.max_memory_bytes / _GIB
                return f"the image takes more memory to decode than {most:.3g} GiB: scale it down"
            case Refusal.TIME:
                longest = f"{limits.max_cpu_s} s of processor time or {limits.max_wall_s} s in all"
                return f"the image takes longer to decode than {longest}: scale it down"
            case Refusal.REPLY:
                return "the variants of the image are too large: give them smaller boxes"
            case Refusal.CRASH:
                most = limits.max_memory_bytes / _GIB
                return (
                    "the process that decoded the image has crashed: the image is damaged, takes more memory than "
                    f"{most:.3g} GiB, or is made to harm"
                )
