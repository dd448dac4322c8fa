"""Django's settings for all tests of one process, because Django is configured once."""

import atexit
import shutil
import tempfile
from pathlib import Path

import django
from django.conf import settings

DJANGO_SECRET = "django's own"
APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "rest_framework",
    "pixstore_asgi.integrations.django",
    "tests.integrations.django_app",
]


def configure_django() -> None:
    """Set Django up for this process, if that has not been done. A test replaces settings by `override_settings`."""
    if settings.configured:
        return
    folder = Path(tempfile.mkdtemp(prefix="pixstore-django-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        BASE_DIR=folder,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "app.db"}},
        DEBUG=True,
        INSTALLED_APPS=APPS,
        LOGGING_CONFIG=None,
        SECRET_KEY=DJANGO_SECRET,
        USE_TZ=True,
    )
    django.setup()
