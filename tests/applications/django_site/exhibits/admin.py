"""The exhibits in the admin."""

from django.contrib import admin

from ..pictures import PictureAdminMixin, picture_column
from .models import Exhibit


@admin.register(Exhibit)
class ExhibitAdmin(PictureAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("title", picture_column("picture"), "is_shown")
