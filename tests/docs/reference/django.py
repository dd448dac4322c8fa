"""The tables of the integration of Django."""

import inspect
import re

from tests.docs.reference.api import CALLS, call_of, call_row
from tests.docs.reference.docstrings import docstring_of
from tests.docs.reference.markdown import table
from tests.support.django_setup import configure_django

configure_django()

from pixstore_asgi.integrations import django  # noqa: E402  after Django is set up
from pixstore_asgi.integrations.django import checks, pixstore_application, rest  # noqa: E402
from pixstore_asgi.integrations.django.templatetags import pixstore as tags  # noqa: E402
from pixstore_asgi.transfer.django import fill_pictures  # noqa: E402

__all__ = ["checks_of_django", "fill_pictures", "names_of_django", "pixstore_application"]

_CHECK = re.compile(r"^- ([EW]\d{3}): (.*)", re.MULTILINE)


def names_of_django() -> str:
    """Return the table of all public names, the serializer field and the template tags."""
    named = [*((name, getattr(django, name)) for name in django.__all__), ("rest.RecordField", rest.RecordField)]
    rows = [call_row(call_of(name, each), docstring_of(each)) for name, each in named]
    written = {"{% pix_image picture … %}": tags.pix_image, "{% pixstore_scripts %}": tags.pixstore_scripts}
    return table(CALLS, [*rows, *(call_row(f"`{tag}`", docstring_of(each)) for tag, each in written.items())])


def checks_of_django() -> str:
    """Return the table of the system checks, from the lists in their docstrings."""
    functions = (*checks.CHECKS, *checks.CHECKS_TO_DEPLOY)
    found = [each for function in functions for each in _CHECK.findall(inspect.getdoc(function) or "")]
    return table(["id", "found"], [[f"`pixstore.{name}`", text] for name, text in found])
