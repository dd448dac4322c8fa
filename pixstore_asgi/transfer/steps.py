"""Parts that all moves share: the ids to move, the outcome of each image, and safe printing of foreign text."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from enum import Enum

from ..core.ids import Count, is_variant_id, original_of, range_of_directory
from ..errors import ImageNotFound, InputError, IntegrityError, InvalidImage, RecordError, StoreConflict, StoreDamaged
from ..store.contract import ImageStore
from ..store.inspection import pages_of_ids

REFUSALS = (ImageNotFound, InputError, IntegrityError, InvalidImage, RecordError, StoreConflict, StoreDamaged)
"""Errors that skip one image. Any other error ends the move."""

_SHOWN_CHARACTERS = 60


class Outcome(Enum):
    """The result of moving one image."""

    MOVED = "moved"
    PRESENT = "there already"
    DELETED = "deleted"
    LEFT = "left alone"


@dataclass(frozen=True, slots=True)
class Step:
    """One image of a move. image_id: as found in the source, possibly invalid. reason: why the image was skipped.
    bytes: how many were read for it.
    """

    image_id: str
    outcome: Outcome
    reason: str = ""
    bytes: int = 0


async def step_of(image_id: str, work: Awaitable[Step]) -> Step:
    """Await the step of one image. If it raises one of REFUSALS, the image is skipped."""
    try:
        return await work
    except REFUSALS as error:
        return Step(image_id, Outcome.LEFT, str(error))


@dataclass(slots=True)
class Report:
    """The totals of a move. counts: the images by outcome. left: the steps of skipped images. bytes: how many were
    read.
    """

    counts: dict[Outcome, Count] = field(default_factory=lambda: dict.fromkeys(Outcome, Count()))
    left: list[Step] = field(default_factory=list)
    bytes: int = 0

    def add(self, step: Step) -> None:
        """Count one step."""
        self.bytes += step.bytes
        self.counts[step.outcome] = self.counts[step.outcome].plus(step.image_id)
        if step.outcome is Outcome.LEFT:
            self.left.append(step)

    @property
    def moved(self) -> int:
        """The number of moved images and variants."""
        return self.counts[Outcome.MOVED].total

    @property
    def present(self) -> int:
        """The number of images and variants that already existed in the target."""
        return self.counts[Outcome.PRESENT].total

    @property
    def deleted(self) -> int:
        """The number of images and variants that were deleted in the target."""
        return self.counts[Outcome.DELETED].total


def quoted(text: str) -> str:
    """Return `text` in quotes, cut to 60 characters, with control characters escaped."""
    shown = ascii(text[:_SHOWN_CHARACTERS])
    return f"{shown}…" if len(text) > _SHOWN_CHARACTERS else shown


def printable(text: object) -> str:
    """Return `text` with its control characters escaped, so that they can't control a terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text))


async def list_originals(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return the ids of all originals of an open store, or of one directory only. Raises InputError or StoreError."""
    after, before = range_of_directory(directory)
    pages = pages_of_ids(store, after=after, before=before)
    return [each async for page in pages for each in page if not is_variant_id(each)]


async def list_ids(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return the ids of all images of an open store, or of one directory only. Each original's id is followed by the
    ids of its variants.

    Includes images with damaged rows, if the store can list them. Raises InputError or StoreError.
    """
    after, before = range_of_directory(directory)
    pages = [page async for page in pages_of_ids(store, after=after, before=before)]
    return sorted((each for page in pages for each in page), key=lambda each: (original_of(each), each))
