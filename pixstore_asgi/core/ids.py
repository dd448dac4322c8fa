"""Image ids, directories and tokens: what they may be."""

import re

from ..errors import InputError

MAX_TOKEN = 2**53 - 1
"""Largest token: the largest integer that JavaScript holds exactly."""

VARIANT_MARK = "~"
"""Stands in the id of a variant between its original's id, in which it can't be, and its name."""

IMAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,128})?", re.ASCII)
SERVED_ID = re.compile(rf"{IMAGE_ID.pattern}({VARIANT_MARK}[a-z0-9_-]{{1,32}})?", re.ASCII)
_DIRECTORY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_VARIANT_NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
_TOKEN = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


def is_image_id(value: object) -> bool:
    """Tell whether `value` is an image id: `name` or `directory:name` of `[A-Za-z0-9_-]`, at most 64 and 128 long.

    Raises InputError for anything but a str.
    """
    if not isinstance(value, str):
        raise InputError(f"an image id is a str, not {type(value).__name__}")
    return IMAGE_ID.fullmatch(value) is not None


def is_served_id(value: object) -> bool:
    """Tell whether `value` is the id of an image or of a variant. Raises InputError for anything but a str."""
    if not isinstance(value, str):
        raise InputError(f"an image id is a str, not {type(value).__name__}")
    return SERVED_ID.fullmatch(value) is not None


def variant_id(original: str, name: object) -> str:
    """Return the id of an original's variant. Raises InputError for a name that is not 1 to 32 of `[a-z0-9_-]`."""
    if not isinstance(name, str) or _VARIANT_NAME.fullmatch(name) is None:
        raise InputError(
            f"a variant's name must be 1 to 32 lower-case ASCII letters, digits, `_` or `-`, not {name!r:.80}"
        )
    return f"{original}{VARIANT_MARK}{name}"


def is_variant_id(value: str) -> bool:
    """Tell whether `value` is the id of a variant: an image id, VARIANT_MARK and a variant's name."""
    original, _, name = value.partition(VARIANT_MARK)
    return IMAGE_ID.fullmatch(original) is not None and _VARIANT_NAME.fullmatch(name) is not None


def original_of(image_id: str) -> str:
    """Return the id of a variant's original, and that of an original itself."""
    return image_id.partition(VARIANT_MARK)[0]


def variant_name(image_id: str) -> str:
    """Return a variant's name, and an empty text for an original."""
    return image_id.partition(VARIANT_MARK)[2]


def range_of_variants(original: str) -> tuple[str, str]:
    """Return what the ids of all variants of an original are above and below."""
    return f"{original}{VARIANT_MARK}", f"{original}\x7f"  # which follows the mark


def checked_directory(value: object) -> str:
    """Return what can be the part of an image id before the colon: 1 to 64 of `[A-Za-z0-9_-]`. Raises InputError."""
    if not isinstance(value, str):
        raise InputError(f"directory must be a str, not {type(value).__name__}: pass str(…) of it")
    if _DIRECTORY.fullmatch(value) is None:
        raise InputError(f"directory must be 1 to 64 ASCII letters, digits, `_` or `-`, not {value!r:.80}")
    return value


def range_of_directory(directory: str | None) -> tuple[str, str | None]:
    """Return what all ids of a directory are above and below, of all ids where it is None. Raises InputError."""
    if directory is None:
        return "", None
    return f"{checked_directory(directory)}:", f"{directory};"  # `;` follows `:`


def parse_token(text: str) -> int | None:
    """Read a token header: canonical decimal digits of 1 to 2**53 - 1, or None for anything else."""
    if _TOKEN.fullmatch(text) is None:
        return None
    token = int(text)
    return token if token <= MAX_TOKEN else None


def as_token(value: object) -> int | None:
    """Return a token that came as an integer or as a header's text, or None for anything that is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 1 <= value <= MAX_TOKEN else None
    return parse_token(value) if isinstance(value, str) else None
