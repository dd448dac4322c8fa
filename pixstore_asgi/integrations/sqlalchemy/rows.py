"""The rows of a database that name pictures, and the transactions in which SQLAlchemy's Core asks for them."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Column, Connection, Engine, String, Table, cast, false, inspect, select, union_all, update
from sqlalchemy.orm import Session

from ..unnamed import place_of, prepare_question

Columns = Collection[Column[Any]]


class CoreRows:
    """The rows that a connection sees in its transaction. Options of a session that hide rows do not apply.

    Args:
        connection: It is in a transaction.
        columns: The columns that may name pictures.
    """

    def __init__(self, connection: Connection, columns: Columns) -> None:
        self._connection = connection
        self._columns = list(columns)
        self.vendor = connection.dialect.name

    def run(self, statement: str) -> Sequence[Any]:
        """Run a statement, and return the first column of its rows, if it has any."""
        result = self._connection.exec_driver_sql(statement)
        return result.scalars().all() if result.returns_rows else ()

    def begin_writing(self) -> None:
        """Run a statement that writes nothing, with which SQLite begins to lock out other writers."""
        for column in self._columns[:1]:
            self._connection.execute(update(column.table).values({column.name: column}).where(false()))

    def named_among(self, image_ids: Collection[str]) -> set[str]:
        """Return those of the ids that a row names."""
        if not (self._columns and image_ids):
            return set()
        # One statement for all columns: a picture may move between two tables meanwhile.
        queries = [select(cast(each, String)).where(each.in_(image_ids)) for each in self._columns]
        return set(self._connection.scalars(union_all(*queries)))


class Place:
    """The place of the tables that a connection writes to. Another connection finds the same tables there.

    Args:
        connection: The connection of a flush. None: no flush has written a row.
    """

    def __init__(self, connection: Connection | None = None) -> None:
        self._schemas = connection and connection.get_execution_options().get("schema_translate_map")
        self._place = place_of(CoreRows(connection, ())) if connection else ""

    @contextmanager
    def rows(self, engine: Engine, written: Columns, columns: Columns) -> Iterator[list[CoreRows]]:
        """Begin a transaction on a connection of its own. The arguments are those of `asked`."""
        options = _options(engine) | ({"schema_translate_map": self._schemas} if self._schemas else {})
        with engine.connect().execution_options(**options) as connection, connection.begin():
            prepare_question(CoreRows(connection, ()), self._place)
            yield [CoreRows(connection, asked(connection, written, columns))]


@contextmanager
def rows_of(session: Session, columns: Columns) -> Iterator[list[CoreRows]]:
    """Begin a transaction of a session that is in none, in each of its databases."""
    by_url: dict[URL, tuple[Engine | Connection, list[Column[Any]]]] = {}  # two engines of one database would block
    for column in columns:
        bind = session.get_bind(clause=column.table)
        by_url.setdefault(bind.engine.url, (bind, []))[1].append(column)
    with session.begin():
        databases = []
        for bind, its_columns in by_url.values():
            where = {"clause": its_columns[0].table}
            databases.append(CoreRows(session.connection(where, execution_options=_options(bind)), its_columns))
            prepare_question(databases[-1])
        yield databases


def is_autocommit(bind: Engine | Connection) -> bool:
    """Return whether each statement is committed by itself."""
    level = bind.get_execution_options().get("isolation_level") or bind.dialect._on_connect_isolation_level
    return bool(level == "AUTOCOMMIT")


def _options(bind: Engine | Connection) -> dict[str, Any]:
    """Return the options of a transaction that sees all rows committed before each of its statements."""
    if bind.dialect.name == "postgresql":
        return {"isolation_level": "READ COMMITTED"}
    return {"isolation_level": "SERIALIZABLE"} if is_autocommit(bind) else {}


def asked(connection: Connection, written: Columns, columns: Columns) -> Columns:
    """Return the columns to ask in this database: the written ones, which it must have, and others that it has.

    The tables of another database name pictures of other directories.
    """
    return list(dict.fromkeys((*written, *(each for each in columns if _has_table(connection, each.table)))))


_known: set[tuple[Any, ...]] = set()


def _has_table(connection: Connection, table: Table) -> bool:
    place = (connection.engine.url, connection.schema_for_object(table), table.name)
    if place not in _known and inspect(connection).has_table(table.name, schema=place[1]):
        _known.add(place)
    return place in _known
