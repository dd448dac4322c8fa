"""The interfaces between the shared operations on tables and a database: Transaction for one operation, Engine to run
it.

A Transaction also has the steps that differ between databases.
"""

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
    """Maps the text of a statement in `tables` to the statement in one database's dialect, made at its first use.

    names: the database's tables, columns and expressions, by the placeholders in braces. translate: changes a filled
    statement into the database's dialect.
    """

    def __init__(self, names: Mapping[str, str], translate: Callable[[str], str] = str) -> None:
        super().__init__()
        self._names = names
        self._translate = translate

    def __missing__(self, statement: str) -> str:
        self[statement] = filled = self._translate(statement.format_map(self._names))
        return filled


class Transaction(Protocol):
    """One connection while one operation runs. Its statements are PostgreSQL's, with placeholders that `Statements`
    fills.

    Tables: {image}, {body}, {chunk}, {key_check}, {store}. {images} is {image} joined with the wrapped keys.
    """

    most_chunks: int
    """The largest number of chunks that a body may have."""

    async def all(self, statement: str, *args: object) -> Sequence[tuple[Any, ...]]:
        """Return all rows of a query."""
        ...

    async def one(self, statement: str, *args: object) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""
        ...

    async def run(self, statement: str, *args: object) -> int:
        """Run a statement. Return how many rows it wrote."""
        ...

    async def each(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a statement once for each of these rows of arguments."""
        ...

    async def lock(self, name: str, *, shared: bool = False) -> None:
        """Wait for a lock, and hold it until the transaction ends. Later reads see the commits of earlier holders."""
        ...

    async def try_lock(self, name: str) -> bool:
        """Take a lock until the transaction ends, or return False if another transaction has it."""
        ...

    async def lock_group(self, original: str) -> None:
        """Lock the rows of an original and its variants until this transaction ends. Others wait before they write."""
        ...

    async def lock_images(self, image_ids: Sequence[str]) -> None:
        """Lock the rows of these images until this transaction ends. Others wait before they write them."""
        ...

    async def lock_rows(self, which: str, *args: object) -> None:
        """Lock the rows of {image} until this transaction ends. Others wait before they write. which: a condition."""
        ...

    async def remove_chunks(self, bodies: Sequence[int], most: int) -> int:
        """Delete up to `most` chunks of these bodies. Return how many were deleted."""
        ...

    async def add_row(self, state: BodyState, version: bytes | None = None) -> int:
        """Insert the row of a body and return its id. version: names the body's object, if it is in an object store."""
        ...

    def key_in_row(self, wrapped_key: bytes) -> bytes | None:
        """Return the part of a wrapped key that the row of {image} holds, in {key_column}, or None."""
        ...

    async def put_key(self, body: int, wrapped_key: bytes) -> None:
        """Store the part of a wrapped key that the row of {image} does not hold."""
        ...

    async def drop_keys(self, bodies: Sequence[int]) -> None:
        """Overwrite the keys of bodies that no image points to. The database keeps no copy of these keys."""
        ...

    async def replace_keys(self, keys: Sequence[RewrappedKey]) -> int:
        """Replace the wrapped keys of current versions. Return how many were replaced.

        If a RewrappedKey has `was`, replace the key only if the stored key equals it. The database keeps no copy of the
        old keys.
        """
        ...


Operation = Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]
"""An operation on the tables: a coroutine function with a Transaction as its first argument."""


class Engine(Protocol):
    """An open database in one event loop, which runs operations on its tables."""

    @property
    def is_inherited(self) -> bool:
        """Whether the parent of this process opened it, before a fork."""
        ...

    async def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that only reads."""
        ...

    async def read_all(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that only reads, without a time limit, because it may read all rows."""
        ...

    async def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation in one transaction."""
        ...

    async def write_all(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation in one transaction without a time limit, because it may write all rows."""
        ...

    async def sync(self) -> None:
        """Wait until no power failure can undo the commits before this call.

        For a change that must be certain before a file or object outside the database is made or removed.
        """
        ...

    def hold_body(self, body: int) -> None:
        """Keep gc from removing a body that is being written. Any thread may call it.

        Does nothing if a database protects such bodies only by their age.
        """
        ...

    def release_body(self, body: int) -> None:
        """End the hold on a body. Does nothing if the body is not held."""
        ...

    async def close(self) -> None:
        """Close the database. Repeated calls do nothing."""
        ...
