"""The settings of a project, read where they are used, so that a test can replace them by `override_settings`."""

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ...pixstore import Pixstore

_P = ParamSpec("_P")
_T = TypeVar("_T")


def get_pixstore() -> Pixstore:
    """Return the project's Pixstore: the setting PIXSTORE, such as `PIXSTORE = Pixstore(BASE_DIR / "pixstore.db")`.

    The setting is the object itself, because its constructor does no I/O and type checkers check its options.

    Raises:
        ImproperlyConfigured: The setting is missing or is not a Pixstore.
    """
    pixstore = getattr(settings, "PIXSTORE", None)
    if isinstance(pixstore, Pixstore):
        return pixstore
    raise ImproperlyConfigured(
        f"the setting PIXSTORE must be a Pixstore, such as Pixstore(BASE_DIR / 'pixstore.db'), not "
        f"{'missing' if pixstore is None else type(pixstore).__name__}"
    )


def get_route() -> str:
    """Return the path of the images: the setting PIXSTORE_ROUTE, "/pixstore-image" if it is missing."""
    return str(getattr(settings, "PIXSTORE_ROUTE", "/pixstore-image"))


def call(method: Callable[_P, Coroutine[Any, Any, _T]], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a method of the Pixstore from code that is not async, and return its result."""
    return async_to_sync(method)(*args, **kwargs)
