"""Django: pictures in models, forms, the admin and REST framework, as the application `pixstore`.

Add `pixstore_asgi.integrations.django` to INSTALLED_APPS, and set PIXSTORE to the project's Pixstore.
"""

try:
    import django  # noqa: F401  only to say how to install it
except ImportError as error:
    raise ImportError("pixstore_asgi.integrations.django needs Django 4.2 or newer: pip install django") from error

from .admin import PictureAdminMixin, picture_column
from .asgi import pixstore_application
from .elements import page_records
from .fields import PictureField
from .middleware import PixstoreErrors
from .sessions import audience_of
from .setting import get_pixstore
from .storage import PixstoreStorage
from .uploads import MemoryUploadHandler, get_asgi_application
from .widgets import PictureInput

__all__ = [
    "MemoryUploadHandler",
    "PictureAdminMixin",
    "PictureField",
    "PictureInput",
    "PixstoreErrors",
    "PixstoreStorage",
    "audience_of",
    "get_asgi_application",
    "get_pixstore",
    "page_records",
    "picture_column",
    "pixstore_application",
]
