"""The application that a project adds to INSTALLED_APPS."""

from django.apps import AppConfig


class PixstoreConfig(AppConfig):
    """The application `pixstore`. It has no models and no tables."""

    name = "pixstore_asgi.integrations.django"
    label = "pixstore"
    verbose_name = "Pictures"

    def ready(self) -> None:
        """Register the system checks."""
        from .checks import register_checks

        register_checks()
