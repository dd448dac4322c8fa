"""Pictures in Django's admin: a mixin of ModelAdmin, and a column for its list."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db import models
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from .elements import picture_element
from .widgets import MEDIA, PictureInput

if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin
else:
    BaseModelAdmin = object  # the admin can be imported only after all models, and models import this package


class AdminPictureInput(PictureInput):
    """The PictureInput of the admin."""

    template_name = "admin/widgets/clearable_file_input.html"


class PictureAdminMixin(BaseModelAdmin):  # type: ignore[type-arg]
    """Shows the current pictures of fields on a PixstoreStorage, such as a PictureField, in the admin's change pages.

    Put it before ModelAdmin, or before an inline's class: `class PhotoAdmin(PictureAdminMixin, admin.ModelAdmin)`.
    """

    formfield_overrides: ClassVar[Any] = {models.ImageField: {"widget": AdminPictureInput}}

    @property
    def media(self) -> forms.Media:
        """The media of the admin, and the scripts that show pictures."""
        return super().media + MEDIA


def picture_column(field: str, *, width: int = 80, description: str | None = None) -> Callable[[Any], SafeString]:
    """Return a column for `list_display` that shows the picture of a field: `("title", picture_column("picture"))`.

    The picture's `alt` is the text of its row, `str(row)`.

    Args:
        field: The name of the field.
        width: The width in CSS pixels.
        description: The head of the column. Default: the field's name.
    """

    def show(row: Any) -> SafeString:
        return picture_element(getattr(row, field), {"width": width, "alt": str(row)})

    vars(show)["short_description"] = description or capfirst(field.replace("_", " "))
    return show
