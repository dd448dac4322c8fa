"""Image ids, directories and tokens: their syntax, checks of them, and counts of images and variants."""

import re
from typing import NamedTuple

from ..errors import InputError

MAX_TOKEN = 2**53 - 1
"""The largest token: the largest integer that JavaScript represents exactly."""

VARIANT_MARK = "~"
"""Separates the original's id from the variant's name in the id of a variant. No image id contains it."""

IMAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,128})?", re.ASCII)
SERVED_ID = re.compile(rf"{IMAGE_ID.pattern}({VARIANT_MARK}[a-z0-9_-]{{1,32}})?", re.ASCII)
_DIRECTORY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_VARIANT_NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
_TOKEN = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


def is_image_id(value: object) -> bool:
    """Return whether `value` is an image id: 1 to 64 of `[A-Za-z0-9_-]`, then optionally a colon and 1 to 128 more of
    them.

    Raises InputError if `value` is not a str.
    """
    if not isinstance(value, str):
        raise InputError(f"an image id is a str, not {type(value).__name__}")
    return IMAGE_ID.fullmatch(value) is not None


def is_served_id(value: object) -> bool:
    """Return whether `value` is the id of an image or of a variant. Raises InputError if it is not a str."""
    if not isinstance(value, str):
        raise InputError(f"an image id is a str, not {type(value).__name__}")
    return SERVED_ID.fullmatch(value) is not None


def variant_id(original: str, name: object) -> str:
    """Return the id of an original's variant. Raises InputError if the name is not 1 to 32 of `[a-z0-9_-]`."""
    if not isinstance(name, str) or _VARIANT_NAME.fullmatch(name) is None:
        raise InputError(
            f"a variant's name must be 1 to 32 lower-case ASCII letters, digits, `_` or `-`, not {name!r:.80}"
        )
    return f"{original}{VARIANT_MARK}{name}"


def is_variant_id(value: str) -> bool:
    """Return whether `value` is the id of a variant: an image id, VARIANT_MARK and a variant's name."""
    original, _, name = value.partition(VARIANT_MARK)
    return IMAGE_ID.fullmatch(original) is not None and _VARIANT_NAME.fullmatch(name) is not None


def original_of(image_id: str) -> str:
    """Return the id of a variant's original. For an original, return its own id."""
    return image_id.partition(VARIANT_MARK)[0]


def variant_name(image_id: str) -> str:
    """Return a variant's name, or an empty text for an original."""
    return image_id.partition(VARIANT_MARK)[2]


def range_of_variants(original: str) -> tuple[str, str]:
    """Return the lower and the upper bound, both exclusive, of the ids of this original's variants."""
    return f"{original}{VARIANT_MARK}", f"{original}\x7f"  # the character after VARIANT_MARK


def checked_directory(value: object) -> str:
    """Return `value` if it is a directory, 1 to 64 of `[A-Za-z0-9_-]`. Raises InputError if it is not."""
    if not isinstance(value, str):
        raise InputError(f"directory must be a str, not {type(value).__name__}: pass str(…) of it")
    if _DIRECTORY.fullmatch(value) is None:
        raise InputError(f"directory must be 1 to 64 ASCII letters, digits, `_` or `-`, not {value!r:.80}")
    return value


def range_of_directory(directory: str | None) -> tuple[str, str | None]:
    """Return the lower and the upper bound, both exclusive, of the ids in a directory. None: the bounds of all ids.

    Raises InputError if the directory is invalid.
    """
    if directory is None:
        return "", None
    return f"{checked_directory(directory)}:", f"{directory};"  # `;` is the character after `:`


def directory_of(image_id: str) -> str | None:
    """Return the directory of an image or variant, or None if its id has none."""
    directory, colon, _ = image_id.partition(":")
    return directory if colon else None


def parse_token(text: str) -> int | None:
    """Return the token in the text of a header: 1 to 2**53 - 1 in canonical decimal digits. Return None for any
    other text.
    """
    if _TOKEN.fullmatch(text) is None:
        return None
    token = int(text)
    return token if token <= MAX_TOKEN else None


def as_token(value: object) -> int | None:
    """Return a token that is given as an integer or as a header's text. Return None if the value is not a token."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 1 <= value <= MAX_TOKEN else None
    return parse_token(value) if isinstance(value, str) else None


class Count(NamedTuple):
    """A number of images and a number of variants. Its `str` looks like "11 images and 11 variants"."""

    images: int = 0
    variants: int = 0

    @property
    def total(self) -> int:
        """Images and variants together."""
        return self.images + self.variants

    def plus(self, image_id: str) -> "Count":
        """Return this count plus the image or variant with this id."""
        is_variant = is_variant_id(image_id)
        return Count(self.images + (not is_variant), self.variants + is_variant)

    def __str__(self) -> str:
        images = number_of(self.images, "image")
        return f"{images} and {number_of(self.variants, 'variant')}" if self.variants else images


def number_of(count: int, thing: str) -> str:
    """Return a number with its noun, such as "1 image" or "1,000 images"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
