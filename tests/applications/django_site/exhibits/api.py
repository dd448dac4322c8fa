"""The API of the exhibits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from .models import Exhibit, exhibits_for

if TYPE_CHECKING:
    from django.db.models import QuerySet


class ExhibitSerializer(ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = Exhibit
        fields = ("id", "title", "is_shown", "picture")


class Exhibits(ModelViewSet):  # type: ignore[misc]
    serializer_class = ExhibitSerializer

    def get_queryset(self) -> QuerySet[Exhibit]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return exhibits_for(self.request.user)
