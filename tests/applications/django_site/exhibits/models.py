"""The members of the museum, and its exhibits with their pictures."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models

from ..pictures import PictureField


class Member(AbstractUser):
    id: models.UUIDField[uuid.UUID, uuid.UUID] = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)


class Exhibit(models.Model):
    title: models.CharField[str, str] = models.CharField(max_length=100)
    is_shown: models.BooleanField[bool, bool] = models.BooleanField(default=True)
    picture = PictureField(upload_to="exhibits", blank=True, db_index=True)

    class Meta:
        ordering = ("title",)

    def __str__(self) -> str:
        return self.title


def exhibits_for(user: Any) -> models.QuerySet[Exhibit]:
    """Staff sees all exhibits, members the shown ones, and visitors none."""
    if not user.is_authenticated:
        return Exhibit.objects.none()
    return Exhibit.objects.all() if user.is_staff else Exhibit.objects.filter(is_shown=True)
