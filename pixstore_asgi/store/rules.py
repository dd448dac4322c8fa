"""The rules that all stores keep: what a write may expect, which token a version gets, how long its body is."""

from ..core.ids import MAX_TOKEN
from ..core.images import ImageMeta
from ..errors import StoreConflict, StoreError
from .contract import Expect, Expected


def check_expected(image_id: str, version: bytes | None, expect: Expected) -> None:
    """Raise StoreConflict unless an image whose current version is `version` (None: no image) is as expected."""
    if isinstance(expect, bytes):
        fits = version == expect
        wanted = "the version that was read before"
    else:
        fits = expect is Expect.ANY or (expect is Expect.PRESENT) == (version is not None)
        wanted = expect.value
    if not fits:
        found = "there is none" if version is None else "it has another version"
        raise StoreConflict(f"the write to image {image_id} expected {wanted}: {found}")


def next_token(image_id: str, now_ms: int, last: int | None, given: int | None) -> int:
    """Return the token of a new version: the clock, or one more than the last where the clock is not ahead of it.

    `given` is taken instead, and must be above the last.
    """
    if given is not None:
        check_raised(image_id, given, last or 0)
        return given
    token = max(now_ms, 1) if last is None else max(now_ms, last + 1)
    if token > MAX_TOKEN:
        raise StoreError("the image's token would pass 2**53 - 1: set the system clock right")
    return token


def check_raised(image_id: str, token: int, last: int) -> None:
    """Raise StoreConflict unless `token` is above the last one and within range."""
    if not last < token <= MAX_TOKEN:
        raise StoreConflict(f"the token of image {image_id} can only rise: {token} is not above {last}")


def check_size(image_id: str, written: int, meta: ImageMeta) -> None:
    """Raise StoreError unless as many bytes were written as `meta` says."""
    if written != meta.size:
        raise StoreError(f"image {image_id} has {meta.size} bytes in its meta and {written} in its body")
