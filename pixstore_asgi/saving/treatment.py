"""What is done to images on their way in, beside encryption: metadata stripped, pixels decoded, sizes made."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from ..decoding.decoder import Decoder
from ..decoding.holding import Held
from ..decoding.variants import Decoded, Variant
from ..errors import ConfigError
from .source import Piece
from .stripping import stripped


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to each image.

    strips: whether metadata is removed. pads: whether ciphertext gets the length of a bucket, see core/padding.py.
    decoder: by which pictures are decoded, and their variants made; None where none is.
    """

    strips: bool = False
    pads: bool = False
    decoder: Decoder | None = None

    def override(self, *, strips: bool | None) -> Self:
        """Return this treatment with `strips` overridden for one call. None overrides nothing."""
        return self if strips is None else replace(self, strips=strips)

    def keeping_bytes(self) -> Self:
        """Return what is done to an image whose bytes stay as they are."""
        return replace(self, strips=False, pads=False)

    def begin(self, pieces: AsyncIterator[Piece]) -> "Treated":
        """Return an image, on its way, as it is to be encrypted."""
        return Treated(pieces, strips=self.strips, decoder=self.decoder)


NO_TREATMENT = Treatment()
"""Nothing is done to images but to encrypt them."""


def treatment_of(
    *, strip_metadata: bool, check_pixels: bool, variants: Sequence[Variant], placeholder: bool, pad_to: str | None
) -> Treatment:
    """Return the treatment that the options of a Pixstore tell. Raises ConfigError for those that can't be."""
    if pad_to not in ("bucket", None):
        raise ConfigError('pad_to is "bucket", or None for ciphertext as long as its image')
    if not isinstance(variants, Sequence):
        raise ConfigError("variants is a list or tuple of Variant(…), also where there is one")
    is_decoded = check_pixels or variants or placeholder
    decoder = Decoder(variants, placeholder=placeholder) if is_decoded else None
    return Treatment(strips=strip_metadata, pads=pad_to is not None, decoder=decoder)


class Treated:
    """One image's pieces, to be iterated once; then `decoded`."""

    def __init__(self, pieces: AsyncIterator[Piece], *, strips: bool, decoder: Decoder | None) -> None:
        # What is decoded is what came: of a damaged picture stripping might leave one that decodes.
        self._decoder = decoder
        self._held = decoder.budget.hold() if decoder else None
        came = _holding(pieces, self._held) if self._held else pieces
        self._pieces = stripped(came) if strips else came

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self._pieces

    async def decoded(self, format_name: str) -> Decoded | None:
        """Return what was seen of the whole picture, and its variants; None where nothing is decoded.

        Raises InvalidImage for what does not decode within the limits, StoreBusy if there was no memory for it.
        """
        if self._decoder is None or self._held is None:
            return None
        try:
            return await self._decoder.decode(self._held.whole(), format_name)
        finally:
            self._held.release()

    def release(self) -> None:
        """Give back the memory of an image that is not to be decoded after all."""
        if self._held:
            self._held.release()


async def _holding(pieces: AsyncIterator[Piece], held: Held) -> AsyncIterator[Piece]:
    async for piece in pieces:
        held.add(piece)
        yield piece
