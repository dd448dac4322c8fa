"""The options of a save, and the limits of one upload.

To add an option, add a field to SaveOptions, and a parameter to the public methods that accept it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from ..core.cipher import MAX_CIPHERTEXT_BYTES
from ..core.formats import check_formats
from ..core.images import DirectoryLimit
from ..core.options import check_numbers
from ..core.padding import longest_within
from ..decoding.decoder import Decoder
from ..decoding.task import Focus, Variant, is_focus
from ..errors import ConfigError, InputError
from ..store.contract import ImageStore

DEFAULT_MAX_IMAGE_BYTES = 32 * 1024 * 1024

OnProgress = Callable[[int], object]
"""Called with the number of the image's bytes taken so far."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The limits of one upload. Raises ConfigError if one of the times is 0 or less.

    Args:
        max_bytes: The length of the longest accepted image. It is checked while the image arrives.
        timeout_s: How many seconds the sender may send nothing, or less than 1 KiB/s.
        max_s: How many seconds the whole upload may wait for its sender.
    """

    max_bytes: int
    timeout_s: float = 60
    max_s: float = 3600

    def __post_init__(self) -> None:
        if not (self.timeout_s > 0 and self.max_s > 0):
            raise ConfigError("upload_timeout_s and max_upload_s must be above 0 seconds")


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """How images are saved: the options of a Pixstore, possibly overridden for one call (Saves.override).

    Args:
        formats: The names of the accepted formats.
        limits: The limits of one upload.
        strip_metadata: Whether to remove metadata.
        pad: Whether to pad the ciphertext (core/padding.py).
        decoder: Decodes each picture and makes its variants. None: do not decode.
        on_progress: Called after each piece.
        focus: The focus of the cropped variants. None: each variant's own.
        limit: The limit of the image's directory.

    Raises:
        InputError: The focus is invalid, or no variant is cropped.
    """

    formats: frozenset[str]
    limits: UploadLimits
    strip_metadata: bool = False
    pad: bool = False
    decoder: Decoder | None = None
    on_progress: OnProgress | None = None
    focus: Focus | None = None
    limit: DirectoryLimit | None = None

    def __post_init__(self) -> None:
        if self.focus is None:
            return
        if not is_focus(self.focus):
            raise InputError("focus must be two numbers from 0 to 1, such as (0.5, 0.3)")
        if self.decoder is None or not self.decoder.task.crops:
            raise InputError('focus has no effect: this Pixstore has no Variant with fit="cover"')

    @classmethod
    def of(
        cls,
        store: ImageStore,
        *,
        image_formats: Sequence[str],
        max_image_bytes: int,
        upload_timeout_s: float,
        max_upload_s: float,
        strip_metadata: bool,
        check_pixels: bool,
        variants: Sequence[Variant],
        placeholder: bool,
        pad_to: str | None,
    ) -> Self:
        """Return the options of a Pixstore with this store. Raises ConfigError for invalid options."""
        if pad_to not in ("bucket", None):
            raise ConfigError('pad_to must be "bucket", or None for ciphertext as long as its image')
        if not isinstance(variants, Sequence):
            raise ConfigError("variants must be a list or tuple of Variant(…), also for a single one")
        is_decoded = check_pixels or variants or placeholder
        return cls(
            formats=check_formats(image_formats),
            limits=upload_limits(store, max_image_bytes, upload_timeout_s, max_upload_s, pad=pad_to is not None),
            strip_metadata=strip_metadata,
            pad=pad_to is not None,
            decoder=Decoder(variants, placeholder=placeholder) if is_decoded else None,
        )


def upload_limits(
    store: ImageStore, max_bytes: int, timeout_s: float, max_s: float, *, pad: bool = False
) -> UploadLimits:
    """Return the limits of uploads to a store. Raises ConfigError if the store can't hold images of `max_bytes`.

    pad: leave room for padding, which does not count as part of the image.
    """
    check_numbers(max_image_bytes=max_bytes, upload_timeout_s=timeout_s, max_upload_s=max_s)
    longest = min(store.max_body_bytes or MAX_CIPHERTEXT_BYTES, MAX_CIPHERTEXT_BYTES)
    # The ciphertext is longer than the image by its format byte.
    largest = (longest_within(longest) if pad else longest) - 1
    if not 1 <= max_bytes <= largest:
        raise ConfigError(f"max_image_bytes must be from 1 to {largest}")
    return UploadLimits(max_bytes, timeout_s, max_s)
