"""Image groups: an original and its variants, and the rows after a commit, computed from the rows before it.

All stores share these decisions, like those in `rules`. A store only reads and writes the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..core.ids import original_of
from ..core.images import ImageMeta, StoredImage
from ..errors import StoreDamaged
from .contract import CommitTerms
from .rules import check_expected, next_past, next_token

Chunks = Sequence[bytes | bytearray]


class Row(NamedTuple):
    """A stored row: last token, the store's id of the body, version, creation time, epoch.

    A deleted image has None for the values that it lacks.
    """

    token: int | None = None
    body: int | None = None
    version: bytes | None = None
    created_ms: int | None = None
    epoch: int | None = None


NO_ROW = Row()
"""The row of an image that never existed."""

Rows = Mapping[str, Row]
"""All rows of a group by id, including those of deleted images."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """One written version that waits to become current.

    body: the id of its pending body, with the first `first` chunks written, or None if `chunks` has all of it.
    """

    image_id: str
    meta: ImageMeta
    body: int | None = None
    first: int = 0
    chunks: Chunks = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class GroupCommit:
    """Versions that become current in one step: an image's, followed by those of its variants.

    terms: the terms for the first version. keeps_others: whether other variants of the image stay.
    """

    versions: Sequence[NewVersion]
    terms: CommitTerms
    keeps_others: bool
    now_ms: int

    @property
    def original_id(self) -> str:
        """The id of the group's original."""
        return original_of(self.versions[0].image_id)

    def images(self, rows: Rows) -> list[StoredImage]:
        """Return the images after the commit. rows: the rows of their group. Raises StoreConflict or StoreError."""
        _check_numbers(rows)
        first, terms = self.versions[0].image_id, self.terms
        own, original = rows.get(first, NO_ROW), rows.get(self.original_id, NO_ROW)
        check_expected(self.original_id, original.version, terms.expect)
        token = next_token(first, self.now_ms, self._last_token(rows), terms.token)
        epoch = own.epoch if terms.past else max(own.epoch or 0, original.epoch or 0)
        past = next_past(self.now_ms, original.created_ms, epoch, terms.past)

        def stored(new: NewVersion) -> StoredImage:
            row = rows.get(new.image_id, NO_ROW)
            rising = next_token(new.image_id, token, row.token, None)
            epoch = max(past.epoch, row.epoch or 0)  # revoked proofs stay revoked
            return StoredImage(new.image_id, rising, new.meta, past.created_ms, epoch)

        return [stored(new) for new in self.versions]

    def _last_token(self, rows: Rows) -> int | None:
        """Return the last token; the first version's token must be higher."""
        first = self.versions[0].image_id
        own = rows.get(first, NO_ROW).token
        if self.terms.token is not None:
            return own
        if first != self.original_id:
            of_original = rows.get(self.original_id, NO_ROW).token or 1
            return max(own or 0, of_original - 1)  # a token below its original's tells a variant of an earlier version
        return max((row.token or 0 for row in rows.values()), default=None)

    def left_out(self, rows: Rows) -> list[str]:
        """Return the ids of the existing variants that this commit deletes."""
        if self.keeps_others:
            return []
        new = {version.image_id for version in self.versions}
        return [image_id for image_id in reached(self.versions[0].image_id, rows) if image_id not in new]


def _check_numbers(rows: Rows) -> None:
    # A new version replaces other damaged values. A token or an epoch it has to be above.
    for image_id, row in rows.items():
        if not all(isinstance(number, int | None) for number in (row.token, row.created_ms, row.epoch)):
            raise StoreDamaged(
                f"the stored row of image {image_id!r:.200} is damaged: delete the image and save it under another id, "
                "or restore the database from a backup"
            )


def reached(image_id: str, rows: Rows) -> list[str]:
    """Return the ids that a delete or revoke of this id affects: an original's group, or one variant."""
    return [each for each, row in rows.items() if row.body is not None and image_id in (each, original_of(each))]


def bodies_of(image_ids: Sequence[str], rows: Rows) -> list[int]:
    """Return the current bodies of some images."""
    bodies = (rows.get(image_id, NO_ROW).body for image_id in image_ids)
    return [body for body in bodies if body is not None]
