"""What is made of a picture: the variants that are asked for, and those that come out."""

import re
from dataclasses import dataclass, field

from ..errors import ConfigError

VARIANT_FORMATS = ("jpeg", "png", "webp", "avif")
LARGEST_SIDE = 16_383
"""No variant is wider or higher, in pixels: WebP has no room for more (RFC 9649, 2.7)."""

_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_QUALITIES = range(1, 101)


@dataclass(frozen=True, slots=True)
class Variant:
    """A smaller copy to make of every picture: the whole of it, fitted into a box and never enlarged.

    name: 1 to 32 of a-z, 0-9, _ and -. width, height: the box, in pixels; None leaves that side free. format: jpeg,
    png, webp or avif; None is JPEG for a JPEG, and for all others WebP, which keeps transparency. quality: 1 to 100;
    None is 80, for AVIF 60. Raises ConfigError for what can't be.
    """

    name: str
    width: int | None = None
    height: int | None = None
    format: str | None = None
    quality: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigError("a variant's name is 1 to 32 of the characters a-z, 0-9, _ and -")
        sides = {"width": self.width, "height": self.height}
        if not any(side is not None for side in sides.values()):
            raise ConfigError(f"the variant {self.name} needs a width or a height")
        for which, side in sides.items():
            if side is not None and not (_is_int(side) and 1 <= side <= LARGEST_SIDE):
                raise ConfigError(f"the variant {self.name} needs a {which} of 1 to {LARGEST_SIDE}, not {side!r:.40}")
        if self.format is not None and self.format not in VARIANT_FORMATS:
            raise ConfigError(f"the variant {self.name} can be of the format {', '.join(VARIANT_FORMATS)} or None")
        if self.quality is not None and not (_is_int(self.quality) and self.quality in _QUALITIES):
            raise ConfigError(f"the quality of the variant {self.name} must be from 1 to 100")
        if self.quality is not None and self.format == "png":
            raise ConfigError(f"the variant {self.name} is a PNG, which loses nothing: it takes no quality")

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height that a picture of this width and height has as this variant."""
        scale = min(1, (self.width or LARGEST_SIDE) / width, (self.height or LARGEST_SIDE) / height)
        scale = min(scale, LARGEST_SIDE / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True, slots=True)
class EncodedVariant:
    """One variant of one picture: a whole image file, with its format (jpeg, png, webp or avif) and size in pixels."""

    data: bytes = field(repr=False)
    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What is known of a picture that decodes to its last bit.

    width, height: of the original in pixels, as it is displayed. placeholder: its ThumbHash, up to 25 bytes, or None.
    variants: by their names.
    """

    width: int
    height: int
    placeholder: bytes | None = field(default=None, repr=False)
    variants: dict[str, EncodedVariant] = field(default_factory=dict)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
