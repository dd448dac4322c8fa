"""Django REST framework: RecordField, a serializer field that accepts an upload and returns an image record."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet

from ...asgi.http import recipient_of
from ...core.record import ImageRecord
from ...errors import ConfigError
from .answers import note_records
from .fields import validate_picture
from .sessions import audience_of
from .setting import get_images

try:
    from rest_framework.fields import SkipField
    from rest_framework.serializers import ImageField, ListSerializer
except ImportError as error:
    raise ImportError(
        "pixstore_asgi.integrations.django.rest needs Django REST framework: pip install djangorestframework"
    ) from error

__all__ = ["RecordField"]


class RecordField(ImageField):  # type: ignore[misc]  # REST framework has no types
    """An ImageField of a serializer that returns the image record of a picture instead of a URL.

    The record is for the page that sends the request: bound to its session, and sealed if the page sends its public
    key. The view decides which rows the user gets. A list of rows takes one query of the store. PixstoreErrors marks
    the response with Cache-Control no-store.
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
        found: dict[str, ImageRecord] = self.__dict__.setdefault("_found", {})
        if name not in found:
            found.update(self._records({name, *self._names()}))
        return found.pop(name, None)  # a later pass needs fresh proofs

    def _records(self, names: set[str]) -> dict[str, ImageRecord]:
        request = self.context.get("request")
        if request is None:
            raise ConfigError('RecordField needs the request: pass context={"request": request} to the serializer')
        request = getattr(request, "_request", request)
        note_records(request)
        audience, recipient = audience_of(request), recipient_of(request)
        return get_images().get_image_records(names, audience=audience, recipient=recipient)

    def _names(self) -> Iterator[str]:
        """Yield the names of the pictures of all rows, if this field is in a list of rows that are read already."""
        path, node = [], self
        while node is not None and not isinstance(node, ListSerializer):
            path.append(node)
            node = node.parent
        rows = getattr(node, "instance", None)
        if isinstance(rows, QuerySet) and rows._result_cache is None:
            return
        if isinstance(rows, QuerySet | list | tuple):
            for row in rows:
                try:
                    for field in reversed(path[:-1]):  # the last one is the serializer of a row
                        row = field.get_attribute(row)
                except (SkipField, AttributeError, KeyError, ObjectDoesNotExist):
                    continue
                if row:
                    yield str(row)
