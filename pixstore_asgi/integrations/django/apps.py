"""The application that a project adds to INSTALLED_APPS."""

from functools import partial

from django.apps import AppConfig, apps
from django.core.signals import request_finished
from django.db.models import Model
from django.db.models.signals import pre_delete


class PixstoreConfig(AppConfig):
    """The application `pixstore`. It has no models and no tables."""

    name = "pixstore_asgi.integrations.django"
    label = "pixstore"
    verbose_name = "Pictures"

    def ready(self) -> None:
        """Connect the models that have a PictureField to the lifecycle of pictures, and register all else."""
        from .checks import register_checks
        from .lifecycle import after_request

        register_checks()
        request_finished.connect(after_request)
        for model in apps.get_models(include_auto_created=True):
            connect(model)
        if apps.is_installed("rest_framework"):
            from .rest import register_field

            register_field()


def connect(model: type[Model]) -> None:
    """Connect one model, if it has a PictureField."""
    from .fields import PictureField, before_delete

    columns = [each for each in model._meta.concrete_fields if isinstance(each, PictureField)]
    if columns:
        # `override_settings(INSTALLED_APPS=…)` calls `ready` again.
        pre_delete.connect(partial(before_delete, columns), sender=model, weak=False, dispatch_uid="pixstore")
