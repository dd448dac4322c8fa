"""Group commit: versions whose commits wait for the writer at the same time become current in one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from ...core.images import StoredImage
from ...errors import PixstoreError, SecretError, StoreError
from ..groups import NO_ROW, GroupCommit, bodies_of
from .blobs import add_blob, bury, finish_blob
from .key_checks import admit_checks
from .rows import clear, find_group, put_image
from .writer import Writer, savepoint, write_transaction

_MOST_TOGETHER = 64


@dataclass(slots=True, eq=False)
class Commit:
    """An image, with variants or without, that waits to become current, and what came of it."""

    new: GroupCommit
    is_withdrawn: bool = False
    outcome: Sequence[StoredImage] | BaseException | None = None

    def result(self) -> Sequence[StoredImage]:
        """Return the images, or raise what kept them from becoming current."""
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome is None:
            raise StoreError("the commit was withdrawn: save the image again")
        return self.outcome


class Commits:
    """The commits that wait for one connection. `put` on any thread, `run` on the connection's."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Commit] = SimpleQueue()

    def put(self, commit: Commit) -> None:
        """Let a commit wait; `run` it then."""
        self._waiting.put(commit)

    def run(self, db: Writer, commit: Commit) -> Sequence[StoredImage]:
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
        """Make versions current in one transaction: one that is refused has written nothing, any other error is all
        commits' error."""
        try:
            with write_transaction(db, [commit.new.original_id for commit in commits]):
                outcomes = list(_attempt_all(db, commits))
        except BaseException as error:
            for commit in commits:
                commit.outcome = copy(error)  # each its own: a traceback shows the values of those that raised it
        else:
            for commit, outcome in zip(commits, outcomes, strict=True):
                commit.outcome = outcome


def _attempt_all(db: Writer, commits: Sequence[Commit]) -> Iterator[Sequence[StoredImage] | PixstoreError]:
    judged: Sequence[bytes] = ()
    refusal: SecretError | None = None
    for commit in commits:
        checks = commit.new.terms.checks
        if refusal and checks == judged:  # to find it anew may take a look at all rows
            yield copy(refusal)
            continue
        outcome = _attempt(db, commit.new, is_admitted=checks == judged)
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
