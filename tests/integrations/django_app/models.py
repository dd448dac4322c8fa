"""Models with pictures."""

from __future__ import annotations

from django.db import models

from pixstore_asgi.integrations.django import PictureField, PixstoreStorage


class Photo(models.Model):
    """Django's own field, on the storage of Pixstore."""

    title: models.CharField[str, str] = models.CharField(max_length=50, unique=True)
    width: models.PositiveIntegerField[int | None, int | None] = models.PositiveIntegerField(null=True)
    height: models.PositiveIntegerField[int | None, int | None] = models.PositiveIntegerField(null=True)
    picture = models.ImageField(
        upload_to="photos/%Y", storage=PixstoreStorage(), blank=True, width_field="width", height_field="height"
    )


class Member(models.Model):
    """A picture that lives and ends with its row."""

    name: models.CharField[str, str] = models.CharField(max_length=50, unique=True)
    avatar = PictureField(upload_to="avatars", blank=True, db_index=True)


class Album(models.Model):
    """Pictures in a directory of each owner, who has a quota."""

    owner: models.CharField[str, str] = models.CharField(max_length=50)
    quota: models.PositiveIntegerField[int | None, int | None] = models.PositiveIntegerField(null=True)
    cover = PictureField(
        upload_to=lambda album, _: f"{album.owner}/cover",
        max_directory_bytes=lambda album: album.quota,
        max_directory_images=2,
        directories=["*"],
        db_index=True,
        null=True,
    )


class Guest(Member):
    """The same table, by a proxy."""

    class Meta:
        proxy = True
