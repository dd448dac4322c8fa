"""What a move did with each image, and how text from elsewhere is shown."""

from dataclasses import dataclass, field
from enum import Enum

from ..core.count import Count
from ..errors import ImageNotFound, InputError, IntegrityError, InvalidImage, RecordError, StoreConflict, StoreDamaged

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
