"""Imports a store of the npm package. Ids, tokens, keys and nonces stay the same.

Browsers that use the npm package cache ciphertext by id and token, and take key, nonce and tag from each new record.
Their caches stay valid only if the ciphertext stays the same to the byte. So each image keeps its seal.

An image with the id of a variant becomes a variant, but only if it belongs to the imported version of its original.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ..core.cipher import unseal
from ..core.formats import FORMAT_BYTES, MEDIA_TYPES, SNIFF_BYTES, sniff
from ..core.ids import VARIANT_MARK, is_variant_id, original_of
from ..core.images import ExportedImage, Seal
from ..core.record import ImageRecord
from ..errors import InvalidImage, StoreConflict
from ..pixstore import Pixstore
from ..process import wall_clock_ms
from ..saving.options import UploadLimits
from ..saving.save import check_token_time
from ..saving.sealing import Encryption, begin_sealing
from ..saving.source import read_pieces
from .npm_source import NpmRow, NpmSource
from .steps import Outcome, Step, step_of

ALL_FORMATS = tuple(FORMAT_BYTES)
"""The `image_formats` of the target. An import moves every image, even if users may not upload its format."""


@dataclass(frozen=True, slots=True)
class NpmImport:
    """One import. Iterate `steps`: one step for each row of the source.

    Args:
        source: The npm store.
        target: The Pixstore, made with ALL_FORMATS and `max_image_bytes`. None: it does not exist yet (dry_run).
        max_image_bytes: Skip longer images.
        updates: Replace an image of the target if the source has a newer version.
        reseals: For an image whose format byte contradicts its bytes, as after a change of the source's imageFormats.
            True: give it a new key and the next token, so that browsers fetch it again. False: skip it.
        dry_run: Do everything except writing.
    """

    source: NpmSource
    target: Pixstore | None
    max_image_bytes: int
    updates: bool = False
    reseals: bool = False
    dry_run: bool = False
    _tokens: dict[str, int] = field(default_factory=dict, init=False, repr=False)  # of imported originals, by id

    async def steps(self) -> AsyncIterator[Step]:
        """Yield a step for each row, variants last.

        Raises InputError if reading the source fails, and StoreError if writing the target fails.
        """
        for are_variants in (False, True):
            for row in self.source.rows():
                if (VARIANT_MARK in row.id_text) == are_variants:
                    yield await step_of(row.id_text, self._take(row))

    async def _take(self, row: NpmRow) -> Step:
        record = row.record()
        of_token = self._token_of_original(record)
        there = await self._there(record.id)
        if there and there.token == record.token and _is_sealed_alike(there, record):
            return self._taken(record.id, there.token, Outcome.PRESENT, 0)
        image, seal = self._opened(record)
        token = record.token if seal else record.token + 1
        if there and there.token == token and not seal and await self._is_there(record.id, image):
            return self._taken(record.id, there.token, Outcome.PRESENT, len(image))
        if there and not (self.updates and there.token < token):
            raise StoreConflict(_conflict(token, there.token))
        if self.dry_run or not self.target:
            check_token_time(record.id, token, wall_clock_ms())
            await self._check(image, seal)
        else:
            if_token = of_token or (there.token if there else None)
            await self.target.import_image(record.id, image, token=token, seal=seal, if_token=if_token)
        return self._taken(record.id, token, Outcome.MOVED, len(image))

    def _taken(self, image_id: str, token: int, outcome: Outcome, size: int) -> Step:
        if not is_variant_id(image_id):
            self._tokens[image_id] = token
        return Step(image_id, outcome, bytes=size)

    def _token_of_original(self, record: ImageRecord) -> int | None:
        """Return the token that the original of a variant has in the target, or None if the record is not a variant's.

        Raises StoreConflict if the variant is older than its original, because the npm package updates an original
        without its variants. Also raises it if the original was not imported.
        """
        if not is_variant_id(record.id):
            return None
        token = self._tokens.get(original_of(record.id))
        if token is None:
            raise StoreConflict("its original was not taken over")
        if record.token < token:
            raise StoreConflict("its original was updated later: run `pixstore-asgi variants` to make it again")
        return token

    async def _there(self, image_id: str) -> ImageRecord | ExportedImage | None:
        if self.target is None:
            return None
        is_variant = is_variant_id(image_id)
        return await (self.target.export_image(image_id) if is_variant else self.target.get_image_record(image_id))

    def _opened(self, record: ImageRecord) -> tuple[bytes, Seal | None]:
        """Return an image decrypted and verified, and its seal. The seal is None if the image has to get a new one."""
        # Allow one byte more than the longest image, because the format byte is encrypted too.
        ciphertext = self.source.ciphertext(record.id, max_bytes=self.max_image_bytes + 1)
        name, image = unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=ciphertext)
        found = sniff(image[:SNIFF_BYTES], frozenset(ALL_FORMATS)).name
        if MEDIA_TYPES[found] == MEDIA_TYPES[name]:
            return image, Seal(record.key, record.iv, record.tag, name)
        if not self.reseals:
            raise InvalidImage(
                f"its format byte says {name}, but its bytes are {found}, as after a change of "
                f"imageFormats: pass --reseal to give it a new key and token"
            )
        return image, None

    async def _is_there(self, image_id: str, image: bytes) -> bool:
        found = await self.target.export_image(image_id) if self.target else None
        return found is not None and found.image.data == image

    async def _check(self, image: bytes, seal: Seal | None) -> None:
        """Raise the error that saving this image would raise, without saving it."""
        encryption = Encryption.of(seal) if seal else Encryption.fresh()
        pieces = read_pieces(image, UploadLimits(self.max_image_bytes))
        async for _ in await begin_sealing(pieces, frozenset(ALL_FORMATS), encryption):
            pass


def _is_sealed_alike(there: ImageRecord | ExportedImage, record: ImageRecord) -> bool:
    seal = there.seal if isinstance(there, ExportedImage) else there
    return (seal.key, seal.iv, seal.tag) == (record.key, record.iv, record.tag)


def _conflict(token: int, there: int) -> str:
    if there < token:
        return "an older version of it was taken over before: pass --update to replace it"
    if there > token:
        return "the target has a newer version of it"
    return "the target has another image under its id and token"
