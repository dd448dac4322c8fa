"""Commit batches: saves and deletes that wait for the writer at the same time share one transaction.

So they also share the emptying of the log, which follows a transaction that made keys obsolete.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ...core.images import StoredImage
from ...errors import PixstoreError, SecretError, StoreError
from ..contract import Expected
from ..groups import GroupCommit
from ..tables import writes
from .transaction import Transaction, run
from .writer import Writer, savepoint, write_transaction

_MOST_TOGETHER = 64


class Deletion(NamedTuple):
    """An image to delete; an original is deleted with its variants."""

    image_id: str
    expect: Expected


Outcome = Sequence[StoredImage] | bool
"""The images that have become current, or whether there was an image to delete."""


@dataclass(slots=True, eq=False)
class Commit:
    """A change that waits for its transaction, and then has an outcome."""

    change: GroupCommit | Deletion
    is_withdrawn: bool = False
    outcome: Outcome | BaseException | None = None

    def result(self) -> Outcome:
        """Return the outcome, or raise the error that prevented the change."""
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome is None:
            raise StoreError("the commit was withdrawn: try again")
        return self.outcome


class Commits:
    """The waiting commits of one connection. Call `put` on any thread, `run` on the connection's thread."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Commit] = SimpleQueue()

    def put(self, commit: Commit) -> None:
        """Queue a commit. Then call `run` with it."""
        self._waiting.put(commit)

    def run(self, db: Writer, commit: Commit) -> Outcome:
        """Return the outcome of a queued commit. All commits that wait by now run in the same transaction."""
        while commit.outcome is None and not commit.is_withdrawn:
            self._run_together(db, self._take())
        return commit.result()

    def _take(self) -> list[Commit]:
        taken: list[Commit] = []
        try:
            while len(taken) < _MOST_TOGETHER:
                taken.append(self._waiting.get_nowait())
        except Empty:
            pass
        return [commit for commit in taken if not commit.is_withdrawn]

    def _run_together(self, db: Writer, commits: Sequence[Commit]) -> None:
        """Make changes in one transaction. A refused change writes nothing; any other error fails all of them."""
        try:
            with write_transaction(db) as tx:
                outcomes = list(_attempt_all(tx, commits))
        except BaseException as error:
            for commit in commits:
                commit.outcome = copy(error)  # each its own: a traceback shows the values of those that raised it
        else:
            for commit, outcome in zip(commits, outcomes, strict=True):
                commit.outcome = outcome


def _attempt_all(tx: Transaction, commits: Sequence[Commit]) -> Iterator[Outcome | PixstoreError]:
    judged: Sequence[bytes] = ()
    refusal: SecretError | None = None
    for commit in commits:
        change = commit.change
        if isinstance(change, Deletion):
            yield _attempt_to_delete(tx, change)
            continue
        checks = change.terms.checks
        if refusal and checks == judged:  # to find it anew may need a look at all rows
            yield copy(refusal)
            continue
        if checks == judged:  # admitted in this transaction
            change = replace(change, terms=replace(change.terms, checks=()))
        outcome = _attempt(tx, change)
        if isinstance(outcome, SecretError):
            judged, refusal = checks, outcome
        elif not isinstance(outcome, PixstoreError):
            judged, refusal = checks, None
        yield outcome


def _attempt(tx: Transaction, new: GroupCommit) -> Sequence[StoredImage] | PixstoreError:
    try:
        # A single one is refused before anything is written.
        with savepoint(tx.db) if len(new.versions) > 1 else nullcontext():
            return run(writes.commit(tx, new, may_admit=True))
    except PixstoreError as refusal:
        return refusal


def _attempt_to_delete(tx: Transaction, deletion: Deletion) -> bool | PixstoreError:
    try:
        return run(writes.delete(tx, *deletion))
    except PixstoreError as refusal:  # nothing is written yet
        return refusal
