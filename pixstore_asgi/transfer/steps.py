"""What all moves share: which images to move, what was done with each, and how text from elsewhere is shown."""

from dataclasses import dataclass, field
from enum import Enum

from ..core.count import Count
from ..core.ids import is_variant_id, original_of, range_of_directory
from ..errors import ImageNotFound, InputError, IntegrityError, InvalidImage, RecordError, StoreConflict, StoreDamaged
from ..store.contract import ImageStore
from ..store.pages import pages_of_ids

REFUSALS = (ImageNotFound, InputError, IntegrityError, InvalidImage, RecordError, StoreConflict, StoreDamaged)
"""The errors that leave one image alone; any other ends the move."""

_SHOWN_CHARACTERS = 60


class Outcome(Enum):
    """What became of one image."""

    MOVED = "moved"
    PRESENT = "there already"
    DELETED = "deleted"
    LEFT = "left alone"


@dataclass(frozen=True, slots=True)
class Step:
    """One image of a move. image_id: as found, maybe no id at all. reason: why it was left alone."""

    image_id: str
    outcome: Outcome
    reason: str = ""


@dataclass(slots=True)
class Report:
    """The sum of a move's steps. counts: by outcome. left: the steps that left an image alone."""

    counts: dict[Outcome, Count] = field(default_factory=lambda: dict.fromkeys(Outcome, Count()))
    left: list[Step] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Count one step."""
        self.counts[step.outcome] = self.counts[step.outcome].plus(step.image_id)
        if step.outcome is Outcome.LEFT:
            self.left.append(step)

    @property
    def moved(self) -> int:
        """How many images and variants were moved."""
        return self.counts[Outcome.MOVED].total

    @property
    def present(self) -> int:
        """How many were there already."""
        return self.counts[Outcome.PRESENT].total

    @property
    def deleted(self) -> int:
        """How many were deleted."""
        return self.counts[Outcome.DELETED].total


def quoted(text: str) -> str:
    """Return `text` in quotes, cut to 60 characters, with all escaped that a terminal could take as a command."""
    shown = ascii(text[:_SHOWN_CHARACTERS])
    return f"{shown}…" if len(text) > _SHOWN_CHARACTERS else shown


def printable(text: object) -> str:
    """Return `text` with all escaped that a terminal could take as a command."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text))


async def list_originals(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return those of `list_ids` that are no variants'. Raises what that raises."""
    after, before = range_of_directory(directory)
    pages = pages_of_ids(store, after=after, before=before)
    return [each async for page in pages for each in page if not is_variant_id(each)]


async def list_ids(store: ImageStore, directory: str | None = None) -> list[str]:
    """Return the ids of all images of an open store, or of one directory's, each with those of its variants behind it.

    Also of images whose rows are damaged, where the store can tell. Raises InputError or StoreError.
    """
    after, before = range_of_directory(directory)
    pages = [page async for page in pages_of_ids(store, after=after, before=before)]
    return sorted((each for page in pages for each in page), key=lambda each: (original_of(each), each))
