"""The pictures of the museum: the code that this project has for pixstore_asgi."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pixstore_asgi import Pixstore, Variant
from pixstore_asgi.integrations.django import (
    PictureAdminMixin,
    PictureField,
    get_asgi_application,
    page_records,
    picture_column,
    pixstore_application,
)

__all__ = [
    "PictureAdminMixin",
    "PictureField",
    "get_asgi_application",
    "may_see",
    "page_records",
    "picture_column",
    "pixstore_application",
]

FOLDER = Path(os.environ["MUSEUM_FOLDER"])
PIXSTORE = Pixstore(FOLDER / "pictures.db", strip_metadata=True, variants=[Variant("thumb", width=320)])
PICTURES = "pixstore_asgi.integrations.django"
FILE_UPLOAD_HANDLERS = [f"{PICTURES}.MemoryUploadHandler"]


def may_see(user: Any, image_ids: list[str]) -> Iterable[str]:
    from .exhibits.models import exhibits_for

    return exhibits_for(user).filter(picture__in=image_ids).values_list("picture", flat=True)
