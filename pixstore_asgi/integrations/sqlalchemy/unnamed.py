"""Finds pictures that no picture column names."""

from collections.abc import Iterator, Sequence

from sqlalchemy import MetaData, String, cast, select, union_all
from sqlalchemy.orm import Session

from ...errors import InputError
from ..unnamed import unnamed_ids
from .calls import Calls
from .column import PictureType


def unnamed_pictures(
    calls: Calls, session: Session, metadata: MetaData, *, directory: str | None, grace_s: float
) -> Iterator[str]:
    """Yield the ids of pictures older than `grace_s` seconds that no picture column of the metadata names."""
    columns = [each for table in metadata.tables.values() for each in table.c if isinstance(each.type, PictureType)]
    if not columns:
        raise InputError(
            "no table of this metadata has a PictureType column, so every picture would be deleted: import the models "
            "first"
        )
    if session.in_transaction():
        raise InputError("the session is in a transaction, which may not see newer rows: pass a new session")

    def named_among(image_ids: Sequence[str]) -> set[str]:
        # One statement for all columns: a picture may move between two tables meanwhile.
        named = union_all(*(select(cast(each, String)).where(each.in_(image_ids)) for each in columns))
        return set(session.scalars(named))

    return unnamed_ids(calls, named_among, directory=directory, grace_s=grace_s)
