"""Transaction: the statements of one operation on a store's tables, and the steps that differ between databases."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import IntEnum
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ...core.images import RewrappedKey

P = ParamSpec("P")
R = TypeVar("R")


class BodyState(IntEnum):
    """State of a body: PENDING while it is written, LIVE while an image points to it, DEAD until gc removes it."""

    PENDING = 0
    LIVE = 1
    DEAD = 2


class Statements(dict[str, str]):
    """The statements in one database's dialect, by their text in `tables`. Each is filled once.

    names: tables, columns and expressions that differ between databases, by the placeholders in braces. translate:
    changes the dialect of a filled statement.
    """

    def __init__(self, names: Mapping[str, str], translate: Callable[[str], str] = str) -> None:
        super().__init__()
        self._names = names
        self._translate = translate

    def __missing__(self, statement: str) -> str:
        self[statement] = filled = self._translate(statement.format_map(self._names))
        return filled


class Transaction(Protocol):
    """One connection for the time of one operation; its statements are PostgreSQL's, filled by `Statements`.

    Tables: {image}, {body}, {chunk}, {key_check}, {store}. {images} is {image} with the wrapped keys.
    """

    most_chunks: int
    """How many chunks a body may have."""

    async def all(self, statement: str, *args: object) -> Sequence[tuple[Any, ...]]:
        """Return all rows."""
        ...

    async def one(self, statement: str, *args: object) -> tuple[Any, ...] | None:
        """Return the first row, or None."""
        ...

    async def run(self, statement: str, *args: object) -> int:
        """Run a statement and return how many rows it wrote."""
        ...

    async def each(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a statement for each of these rows."""
        ...

    async def lock(self, name: str, *, shared: bool = False) -> None:
        """Hold a lock to the end of the transaction. Rows that are read later are no older than the lock."""
        ...

    async def try_lock(self, name: str) -> bool:
        """Take a lock to the end of the transaction, or return False if another transaction has it."""
        ...

    async def lock_group(self, original: str) -> None:
        """Lock an original and its variants, which this transaction may write, to its end."""
        ...

    async def lock_images(self, image_ids: Sequence[str]) -> None:
        """Lock the rows of these images, which this transaction may write, to its end."""
        ...

    async def lock_rows(self, which: str, *args: object) -> None:
        """Lock the rows of {image} that meet a condition, which this transaction may write, to its end."""
        ...

    async def remove_chunks(self, bodies: Sequence[int], most: int) -> int:
        """Delete up to `most` chunks of these bodies. Return how many."""
        ...

    async def add_row(self, state: BodyState, version: bytes | None = None) -> int:
        """Insert the row of a body and return its id. version: the name of its object, if it is one."""
        ...

    def key_in_row(self, wrapped_key: bytes) -> bytes | None:
        """Return the part of a wrapped key that is in the row of {image}, in {key_column}."""
        ...

    async def put_key(self, body: int, wrapped_key: bytes) -> None:
        """Store the part of a wrapped key that is not in the row of {image}."""
        ...

    async def drop_keys(self, bodies: Sequence[int]) -> None:
        """Overwrite the keys of bodies that no image points to. Keep no copy of them."""
        ...

    async def replace_keys(self, keys: Sequence[RewrappedKey]) -> int:
        """Replace the wrapped keys of versions that are current and still have the key `was`. Return their number.

        The database keeps no copy of the old keys.
        """
        ...


Operation = Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]
"""An operation on the tables: a coroutine function that takes a Transaction first."""


class Engine(Protocol):
    """An open database in one event loop."""

    @property
    def is_inherited(self) -> bool:
        """Whether it was opened before a fork, by the parent of this process."""
        ...

    async def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that only reads."""
        ...

    async def read_all(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that only reads, and may read all rows, without a time limit."""
        ...

    async def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation in one transaction."""
        ...

    async def write_all(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that may write all rows in one transaction, without a time limit."""
        ...

    def hold_body(self, body: int) -> None:
        """Keep gc from removing a body that is being written. Does nothing if its age alone protects it. Any thread."""
        ...

    def release_body(self, body: int) -> None:
        """Release a held body. Does nothing for another one."""
        ...

    async def close(self) -> None:
        """Close it. Repeated calls do nothing."""
        ...
