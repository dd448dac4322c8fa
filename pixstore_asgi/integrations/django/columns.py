"""The columns of a project's models that name pictures, and the rows of a database."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import connections, router, transaction
from django.db.models import Field, FileField, Model, QuerySet

from ..unnamed import prepare_question
from .storage import PixstoreStorage


class Column(NamedTuple):
    """One column with the names of pictures, in one database."""

    field: "Field[Any, Any]"
    using: str

    def names_among(self, image_ids: Collection[str]) -> set[str]:
        """Return those of the ids that the column has."""
        name = self.field.attname
        rows: QuerySet[Model] = QuerySet(self.field.model, using=self.using)  # not the manager, which may hide rows
        return set(rows.filter(**{f"{name}__in": image_ids}).values_list(name, flat=True))


class DjangoRows:
    """The rows that a database's connection sees in its transaction.

    Args:
        using: The name of the database.
        columns: Its columns that may name pictures.
    """

    def __init__(self, using: str, columns: Sequence[Column] = ()) -> None:
        self._connection = connections[using]
        self._columns = columns
        self.vendor = self._connection.vendor

    def run(self, statement: str) -> Sequence[Any]:
        """Run a statement, and return the first column of its rows, if it has any."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return [row[0] for row in cursor.fetchall()] if cursor.description else ()

    def begin_writing(self) -> None:
        """Run a statement that writes nothing, with which SQLite begins to lock out other writers."""
        for column in self._columns[:1]:
            quote = self._connection.ops.quote_name
            table, name = quote(column.field.model._meta.db_table), quote(str(column.field.column))
            self.run(f"UPDATE {table} SET {name} = {name} WHERE 1 = 0")  # noqa: S608  no input

    def named_among(self, image_ids: Collection[str]) -> set[str]:
        """Return those of the ids that a row names."""
        return set[str]().union(*(column.names_among(image_ids) for column in self._columns)) if image_ids else set()


@contextmanager
def rows_of(
    databases: Collection[str], place: str = "", written: "Collection[Field[Any, Any]]" = ()
) -> Iterator[list[DjangoRows]]:
    """Begin a transaction in each of these databases.

    Args:
        databases: Their names. Of several names of one database, the first one counts.
        place: The schemas of the tables, as `place_of` returns them.
        written: The fields to ask in any case.
    """
    with ExitStack() as stack:
        rows = []
        for using in _different(databases):
            connection = connections[using]
            # Before SQLite's transaction, which must not begin by reading, and after the schemas are set.
            columns = [*columns_of(using)] if connection.vendor == "sqlite" else []
            is_in_test_case = connection.in_atomic_block
            stack.enter_context(transaction.atomic(using))
            if connection.vendor == "postgresql" and not is_in_test_case:
                DjangoRows(using).run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            prepare_question(DjangoRows(using), place)
            always = [Column(field, using) for field in written]
            columns = columns or [*columns_of(using)]
            rows.append(DjangoRows(using, list(dict.fromkeys([*always, *columns]))))
        yield rows


def _different(databases: Collection[str]) -> Collection[str]:
    """Leave out further names of one database: two connections to it would block each other."""
    places: dict[tuple[str, ...], str] = {}
    for using in databases:
        settings = connections[using].settings_dict
        places.setdefault(tuple(str(settings[name]) for name in ("ENGINE", "NAME", "HOST", "PORT")), using)
    return places.values()


def columns_of(using: str) -> Iterator[Column]:
    """Yield all columns of a database that name pictures. Skip tables that the database does not have."""
    tables = {name.casefold() for name in connections[using].introspection.table_names(include_views=True)}
    also = set(_also())
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table.casefold()
        # A quote is in the name of a table of another schema, which the list of tables leaves out.
        if router.allow_migrate_model(using, model) and (table in tables or '"' in table):
            for field in model._meta.local_concrete_fields:
                if field in also or (isinstance(field, FileField) and isinstance(field.storage, PixstoreStorage)):
                    yield Column(field, using)


def _also() -> "Iterator[Field[Any, Any]]":
    """Yield the fields of the setting PIXSTORE_ALSO. Raises ImproperlyConfigured if one does not exist."""
    for name in getattr(settings, "PIXSTORE_ALSO", ()):
        try:
            model, _, field = name.rpartition(".")
            yield apps.get_model(model)._meta.get_field(field)
        except (LookupError, ValueError, AttributeError, FieldDoesNotExist):
            raise ImproperlyConfigured(
                f"the setting PIXSTORE_ALSO must list fields such as 'shop.OldOrder.picture', not {name!r:.80}"
            ) from None
