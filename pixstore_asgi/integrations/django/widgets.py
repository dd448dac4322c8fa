"""PictureInput: a file input of forms that shows the current picture."""

from typing import Any

from django import forms
from django.utils.safestring import SafeString

from .elements import picture_element, script_elements
from .storage import PixstoreStorage


class _Scripts:
    """The scripts of pictures, as a part of a form's media. It is rendered late: a setting has the path."""

    def __html__(self) -> SafeString:
        return script_elements()


_SCRIPTS: Any = _Scripts()  # not a text, so not as the type of `js` says
MEDIA = forms.Media(js=[_SCRIPTS])
"""The scripts that pages with pictures need."""


class PictureInput(forms.ClearableFileInput):
    """A ClearableFileInput that shows the current picture above itself, if the field's storage is a PixstoreStorage.

    The page needs the form's media: `{{ form.media }}`. The picture is shown to users that the rule of the images
    admits.
    """

    width = 160
    """The width of the picture in CSS pixels. The browser loads the smallest variant that is sharp."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the HTML of the picture and the input."""
        html = super().render(name, value, attrs, renderer)
        if not self.is_initial(value) or not isinstance(getattr(value, "storage", None), PixstoreStorage):
            return html
        return picture_element(value, {"width": self.width, "alt": str(self.initial_text)}) + html

    @property
    def media(self) -> forms.Media:
        """The scripts that show the picture."""
        return MEDIA
