"""The settings of a project. They are read at each use, so that a test can replace them by `override_settings`."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ...pixstore import Pixstore
from ...sync import SyncPixstore


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


def get_images() -> SyncPixstore:
    """Return the methods of the project's Pixstore for code that is not async. Raises ImproperlyConfigured."""
    return SyncPixstore(get_pixstore())
