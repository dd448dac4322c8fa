"""The pictures that the transaction of a session saves and removes."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Column, Connection, Engine

from .column import NewPicture
from .rows import Place

if TYPE_CHECKING:
    from sqlalchemy.orm import InstanceState


class Assigned(NamedTuple):
    """A picture that a flush has saved, with the attribute that it was assigned to."""

    attribute: str
    picture: NewPicture


@dataclass
class Candidates:
    """Pictures of one database that may have no row after the transaction.

    saved: new pictures. written: those that a row was given. removed: pictures that a row no longer names. columns: the
    columns that named them. place: where their tables are, once the session has written to them.
    """

    saved: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    columns: set[Column[Any]] = field(default_factory=set)
    place: Place | None = None


@dataclass
class Changes:
    """The pictures of one transaction, with all its savepoints.

    candidates: by database. assigned: by object and id, only while the application keeps the object, because one
    transaction may save more pictures than fit into memory. fresh: the new pictures of the flush that runs. named:
    other pictures that rows were given. outdated: pictures that the session has read from a row which names another one
    now. has_rolled_back: a savepoint was rolled back. may_be_committed: the commit has begun.
    """

    candidates: dict[Engine, Candidates] = field(default_factory=dict)
    assigned: "WeakKeyDictionary[InstanceState[Any], dict[str, Assigned]]" = field(default_factory=WeakKeyDictionary)
    fresh: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)
    has_rolled_back: bool = False
    may_be_committed: bool = False
    is_committed: bool = False

    def of(self, bind: Engine | Connection) -> Candidates:
        """Return the candidates of a database. Forget those of a Connection, because its owner ends the transaction."""
        return self.candidates.setdefault(bind, Candidates()) if isinstance(bind, Engine) else Candidates()

    def doubtful(self, candidates: Candidates) -> set[str]:
        """Return the candidates that may have no row. It saves the question for new pictures with a committed row."""
        if not self.is_committed and not self.may_be_committed:
            return candidates.saved
        return candidates.removed | (
            candidates.saved if self.has_rolled_back else candidates.saved - candidates.written
        )

    def give_back(self) -> None:
        """Give objects their new pictures back. The flush that adds such an object again saves its picture again."""
        for state, assigned in self.assigned.items():
            for image_id, (attribute, picture) in assigned.items():
                instance = state.obj()
                if instance is not None and state.transient and state.dict.get(attribute) == image_id:
                    setattr(instance, attribute, picture)
