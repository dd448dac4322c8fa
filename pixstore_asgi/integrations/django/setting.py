"""The setting PIXSTORE, read where it is used, so that a test can replace it by `override_settings`."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ...pixstore import Pixstore


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
