"""Pictures in Django's admin: a mixin of ModelAdmin, and a column for its list."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminFileWidget
from django.db import models
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from .elements import picture_element
from .widgets import MEDIA, PictureInput


class AdminPictureInput(PictureInput, AdminFileWidget):
    """The PictureInput of the admin."""


class PictureAdminMixin(admin.options.BaseModelAdmin):  # type: ignore[type-arg]  # generic only for type checkers
    """Shows the current picture of each ImageField and PictureField in change pages.

    Put it before ModelAdmin or an inline's class: `class PhotoAdmin(PictureAdminMixin, admin.ModelAdmin)`.
    """

    formfield_overrides: ClassVar[Any] = {models.ImageField: {"widget": AdminPictureInput}}

    @property
    def media(self) -> forms.Media:
        """The media of the admin, and the scripts that show pictures."""
        return super().media + MEDIA


def picture_column(field: str, *, width: int = 80, description: str | None = None) -> Callable[[Any], SafeString]:
    """Return a column for `list_display` that shows the picture of a field: `["title", picture_column("picture")]`.

    Args:
        field: The name of the field.
        width: The width in CSS pixels.
        description: The head of the column. Default: the field's name.
    """

    @admin.display(description=description or capfirst(field.replace("_", " ")))
    def show(row: Any) -> SafeString:
        return picture_element(getattr(row, field), {"width": width})

    return show
