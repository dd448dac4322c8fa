"""Group commit: versions whose commits wait for the writer at the same time become current in one transaction."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from ...core.images import ImageMeta, StoredImage
from ...errors import PixstoreError, StoreError
from ..contract import CommitTerms
from ..rules import check_expected, next_past, next_token
from .blobs import add_blob, bury, finish_blob
from .rows import admit_checks, find_state, put_image
from .schema import Writer, write_transaction

_MOST_TOGETHER = 64


@dataclass(slots=True, eq=False)
class Commit:
    """One version that is to become its image's current one.

    blob: its pending blob, of which `first` chunks are written, or None where all of it is in `chunks`.
    """

    image_id: str
    meta: ImageMeta
    terms: CommitTerms
    blob: int | None
    first: int
    chunks: Sequence[bytes | bytearray] = field(repr=False)
    now_ms: int
    is_withdrawn: bool = False
    outcome: StoredImage | BaseException | None = None

    def result(self) -> StoredImage:
        """Return the image, or raise what kept it from becoming current."""
        if isinstance(self.outcome, StoredImage):
            return self.outcome
        raise self.outcome or StoreError("the commit was withdrawn: save the image again")


class Commits:
    """The commits that wait for one connection. `put` on any thread, `run` on the connection's."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Commit] = SimpleQueue()

    def put(self, commit: Commit) -> None:
        """Let a commit wait; `run` it then."""
        self._waiting.put(commit)

    def run(self, db: Writer, commit: Commit) -> StoredImage:
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
            with write_transaction(db, [commit.image_id for commit in commits]):
                outcomes = list(_attempt_all(db, commits))
        except BaseException as error:
            for commit in commits:
                commit.outcome = copy(error)  # each its own: a traceback shows the values of those that raised it
        else:
            for commit, outcome in zip(commits, outcomes, strict=True):
                commit.outcome = outcome


def _attempt_all(db: Writer, commits: Sequence[Commit]) -> Iterator[StoredImage | PixstoreError]:
    admitted: Sequence[bytes] = ()
    for commit in commits:
        outcome = _attempt(db, commit, is_admitted=commit.terms.checks == admitted)
        if isinstance(outcome, StoredImage):
            admitted = commit.terms.checks
        yield outcome


def _attempt(db: Writer, commit: Commit, *, is_admitted: bool) -> StoredImage | PixstoreError:
    """Make a version current. is_admitted: whether the version before it in this transaction has the same checks."""
    old = find_state(db, commit.image_id)
    try:
        check_expected(commit.image_id, old.version, commit.terms.expect)
        token = next_token(commit.image_id, commit.now_ms, old.token, commit.terms.token)
        if not is_admitted:
            admit_checks(db, commit.terms.checks)
        if commit.blob is not None:
            finish_blob(db, commit.blob, commit.first, commit.chunks, commit.now_ms)
    except PixstoreError as refusal:
        return refusal
    blob = add_blob(db, commit.chunks, commit.now_ms) if commit.blob is None else commit.blob
    past = next_past(commit.now_ms, old.created_ms, old.epoch, commit.terms.past)
    image = StoredImage(commit.image_id, token, commit.meta, past.created_ms, past.epoch)
    put_image(db, image, blob, is_new=old.token is None)
    if old.blob is not None:
        db.note_dead_keys(are_there=True)
        bury(db, old.blob, commit.now_ms)
    return image
