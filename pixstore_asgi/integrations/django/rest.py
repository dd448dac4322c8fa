"""Django REST framework: RecordField, a serializer field that accepts an upload and returns an image record."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.db.models.manager import BaseManager

from ...asgi.http import recipient_of
from ...core.record import ImageRecord
from ...errors import ConfigError
from .fields import PictureField, validate_picture
from .middleware import note_records
from .sessions import audience_of
from .setting import get_images

try:
    from rest_framework.fields import SkipField
    from rest_framework.serializers import ImageField, ListSerializer, ModelSerializer
except ImportError as error:
    raise ImportError(
        "pixstore_asgi.integrations.django.rest needs Django REST framework: pip install djangorestframework"
    ) from error

__all__ = ["RecordField"]


class RecordField(ImageField):  # type: ignore[misc]  # REST framework has no types
    """An ImageField of a serializer that returns the image record of a picture instead of a URL.

    A ModelSerializer derives it from a PictureField, if `rest_framework` is in INSTALLED_APPS. Other fields declare it.
    The record is for the page that sends the request: bound to its session, and sealed if the page sends its public
    key. The view decides which rows the user gets. A list, also a nested one that is prefetched, takes one query of the
    store. PixstoreErrors marks the response with Cache-Control no-store.
    """

    default_validators = (validate_picture,)

    def to_representation(self, value: Any) -> ImageRecord | None:
        """Return the record of a picture, or None if there is no picture.

        Raises:
            ConfigError: The serializer has no request in its context.
            RecipientError: The page's public key is missing or invalid.
            StoreError: The store failed.
        """
        name = str(value or "")
        if not name:
            return None
        found: dict[str, list[ImageRecord | None]] = self.__dict__.setdefault("_found", {})
        if not found.get(name):
            names = Counter(str(each) for each in _values_of(self) if each) | Counter([name])
            records = self._records(set(names))
            found |= {each: [records.get(each)] * count for each, count in names.items()}
        return found[name].pop()  # a later pass needs fresh proofs

    def _records(self, names: set[str]) -> dict[str, ImageRecord]:
        request = self.context.get("request")
        if request is None:
            raise ConfigError('RecordField needs the request: pass context={"request": request} to the serializer')
        request = getattr(request, "_request", request)
        note_records(request)
        audience, recipient = audience_of(request), recipient_of(request)
        return get_images().get_image_records(names, audience=audience, recipient=recipient)


def register_field() -> None:
    """Let each ModelSerializer derive a RecordField from a PictureField."""
    ModelSerializer.serializer_field_mapping[PictureField] = RecordField


def _values_of(node: Any) -> Iterator[Any]:
    """Yield all values that a field, serializer or list of one serialization represents, if they are read already."""
    parent = node.parent
    if parent is None:
        yield node.instance
    elif isinstance(parent, ListSerializer):
        for rows in _values_of(parent):
            yield from _rows_read(rows)
    else:
        for row in _values_of(parent):
            with suppress(SkipField, AttributeError, KeyError, ObjectDoesNotExist):
                yield node.get_attribute(row)


def _rows_read(rows: Any) -> Iterable[Any]:
    """Return the rows of a list, of a query that is done, or of prefetched related rows. None of another value."""
    if isinstance(rows, BaseManager):
        rows = rows.all()
    if isinstance(rows, QuerySet) and rows._result_cache is None:
        return ()
    return rows if isinstance(rows, QuerySet | list | tuple) else ()
