"""The table of exceptions: their meaning and remedy from the docstrings, their status from the error handlers."""

from pixstore_asgi import errors
from pixstore_asgi.errors import PixstoreError
from pixstore_asgi.integrations.answers import STATUS
from pixstore_asgi.testing import NoImage
from tests.docs.reference.docstrings import docstring_of
from tests.docs.reference.markdown import table

_REMEDY = "Remedy: "


def exceptions() -> str:
    """Return the table of all public exceptions."""
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PixstoreError)]
    return table(["exception", "is a", "HTTP status", "meaning", "remedy"], [_row(kind) for kind in [*kinds, NoImage]])


def _row(kind: type[PixstoreError]) -> list[str]:
    doc = docstring_of(kind)
    remedy = "\n".join(text.removeprefix(_REMEDY) for text in doc.text if text.startswith(_REMEDY))
    meaning = [text for text in doc.text if not text.startswith(_REMEDY)]
    meaning += [f"`{name}`: {text}" for name, text in doc.arguments.items()]
    handled = next((STATUS[each] for each in kind.__mro__ if each in STATUS), 500)
    parent = kind.__base__.__name__ if kind.__base__ else ""
    return [f"`{kind.__name__}`", f"`{parent}`", str(handled), "\n".join(meaning), remedy]
