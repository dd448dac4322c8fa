"""Django: pictures in models, forms, the admin and REST framework, as the application `pixstore`.

Add `pixstore_asgi.integrations.django` to INSTALLED_APPS, and set PIXSTORE to the project's Pixstore.
"""

try:
    import django  # noqa: F401  only to say how to install it
except ImportError as error:
    raise ImportError("pixstore_asgi.integrations.django needs Django 5.2 or newer: pip install django") from error

from .setting import get_pixstore
from .storage import PixstoreStorage

__all__ = ["PixstoreStorage", "get_pixstore"]
