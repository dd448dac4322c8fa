"""The columns of a project's models that name pictures."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from django.apps import apps
from django.db import connections, router
from django.db.models import FileField, Model, QuerySet

from .storage import PixstoreStorage


class Column(NamedTuple):
    """One column with the names of pictures, in one database."""

    model: type[Model]
    name: str
    using: str

    def names_among(self, image_ids: Collection[str]) -> set[str]:
        """Return those of the ids that the column has."""
        rows: QuerySet[Model] = QuerySet(self.model, using=self.using)  # not the manager, which may hide rows
        return set(rows.filter(**{f"{self.name}__in": image_ids}).values_list(self.name, flat=True))


def columns_of(using: str) -> Iterator[Column]:
    """Yield all columns of a database that name pictures. Skip tables that the database does not have."""
    tables = {name.casefold() for name in connections[using].introspection.table_names(include_views=True)}
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table.casefold()
        # A quote is in the name of a table of another schema, which the list of tables leaves out.
        if router.allow_migrate_model(using, model) and (table in tables or '"' in table):
            for field in model._meta.local_concrete_fields:
                if isinstance(field, FileField) and isinstance(field.storage, PixstoreStorage):
                    yield Column(model, field.attname, using)


def names_in_use(columns: Collection[Column], image_ids: Collection[str]) -> set[str]:
    """Return those of the ids that one of the columns has."""
    return set[str]().union(*(column.names_among(image_ids) for column in columns)) if image_ids else set()
