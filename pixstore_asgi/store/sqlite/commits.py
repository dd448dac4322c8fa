"""Commit batches: saves and deletes that wait for the writer at the same time are done in one transaction.

So they also share the emptying of the log, which follows a transaction that ended keys.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ...core.images import StoredImage
from ...errors import PixstoreError, SecretError, StoreError
from ..contract import Expected
from ..groups import NO_ROW, GroupCommit, bodies_of
from .blobs import add_blob, bury, finish_blob
from .key_checks import admit_checks
from .rows import clear, delete, find_group, put_image
from .writer import Writer, savepoint, write_transaction

_MOST_TOGETHER = 64


class Deletion(NamedTuple):
    """An image that is to be deleted, with the variants of an original."""

    image_id: str
    expect: Expected
    now_ms: int


Outcome = Sequence[StoredImage] | bool
"""The images that have become current, or whether there was an image to delete."""


@dataclass(slots=True, eq=False)
class Commit:
    """A change that waits for its transaction, and its outcome."""

    change: GroupCommit | Deletion
    is_withdrawn: bool = False
    outcome: Outcome | BaseException | None = None

    @property
    def image_id(self) -> str:
        """The id of an image in the group that it changes."""
        return self.change.image_id if isinstance(self.change, Deletion) else self.change.original_id

    def result(self) -> Outcome:
        """Return the outcome, or raise the error that kept the change from being made."""
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome is None:
            raise StoreError("the commit was withdrawn: try again")
        return self.outcome


class Commits:
    """The commits that wait for one connection. `put` on any thread, `run` on the connection's."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Commit] = SimpleQueue()

    def put(self, commit: Commit) -> None:
        """Let a commit wait; `run` it then."""
        self._waiting.put(commit)

    def run(self, db: Writer, commit: Commit) -> Outcome:
        """Return the outcome of a commit that was put; all that wait by now are done together."""
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
        """Make changes in one transaction. A refused one has written nothing; any other error is the error of all."""
        try:
            with write_transaction(db, [commit.image_id for commit in commits]):
                outcomes = list(_attempt_all(db, commits))
        except BaseException as error:
            for commit in commits:
                commit.outcome = copy(error)  # each its own: a traceback shows the values of those that raised it
        else:
            for commit, outcome in zip(commits, outcomes, strict=True):
                commit.outcome = outcome


def _attempt_all(db: Writer, commits: Sequence[Commit]) -> Iterator[Outcome | PixstoreError]:
    judged: Sequence[bytes] = ()
    refusal: SecretError | None = None
    for commit in commits:
        change = commit.change
        if isinstance(change, Deletion):
            yield _attempt_to_delete(db, change)
            continue
        checks = change.terms.checks
        if refusal and checks == judged:  # to find it anew may take a look at all rows
            yield copy(refusal)
            continue
        outcome = _attempt(db, change, is_admitted=checks == judged)
        if isinstance(outcome, SecretError):
            judged, refusal = checks, outcome
        elif not isinstance(outcome, PixstoreError):
            judged, refusal = checks, None
        yield outcome


def _attempt(db: Writer, new: GroupCommit, *, is_admitted: bool) -> Sequence[StoredImage] | PixstoreError:
    """Make versions current. is_admitted: whether those before them in this transaction have the same checks."""
    try:
        # A single one is refused before anything is written.
        with savepoint(db) if len(new.versions) > 1 else nullcontext():
            return _make_current(db, new, is_admitted=is_admitted)
    except PixstoreError as refusal:
        return refusal


def _attempt_to_delete(db: Writer, deletion: Deletion) -> bool | PixstoreError:
    try:
        return delete(db, *deletion)
    except PixstoreError as refusal:  # nothing is written yet
        return refusal


def _make_current(db: Writer, new: GroupCommit, *, is_admitted: bool) -> Sequence[StoredImage]:
    rows = find_group(db, new.original_id)
    images = new.images(rows)
    if not is_admitted:
        admit_checks(db, new.terms.checks)
    for version, image in zip(new.versions, images, strict=True):
        blob = version.body
        if blob is None:
            blob = add_blob(db, version.chunks, new.now_ms)
        else:
            finish_blob(db, blob, version.first, version.chunks, new.now_ms)
        put_image(db, image, blob, is_new=rows.get(image.id, NO_ROW).token is None)
    left_out = new.left_out(rows)
    clear(db, left_out)
    dead = bodies_of([*left_out, *(image.id for image in images)], rows)
    if dead:
        db.note_dead_keys(are_there=True)
        bury(db, dead, new.now_ms)
    return images
