"""The pictures of the dishes: all code that this application has for pixstore_asgi."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from sqlmodel import SQLModel
from starlette.types import Scope

from pixstore_asgi import ImageRecord, Pixstore, PixstoreMiddleware, RecordsApp
from pixstore_asgi.integrations.fastapi import ImageUpload, PageRecipient, add_error_handlers, no_store, upload_docs
from pixstore_asgi.integrations.sqlalchemy import NewPicture, PictureType, SessionPictures
from pixstore_asgi.sync import SyncPixstore

from .database import FOLDER, sessions

if TYPE_CHECKING:
    from .models import Dish

__all__ = ["DishView", "PictureType", "SentPicture", "Show", "add_pictures", "no_store", "upload"]

pix = Pixstore(FOLDER / "pictures.db", strip_metadata=True)
images = SyncPixstore(pix)
upload = upload_docs(pix)
SessionPictures(pix, sessions, metadata=[SQLModel.metadata])


class DishView(BaseModel):
    id: int | None
    name: str
    cook: str
    picture: ImageRecord


def audience(scope: Scope) -> str | None:
    cook = scope["session"].get("cook")
    return None if cook is None else str(cook)


def may_see(scope: Scope, image_id: str) -> bool:
    return "cook" in scope["session"] and image_id.startswith("dishes:")  # each cook sees all dishes


def add_pictures(app: FastAPI) -> None:
    app.mount("/api/records", RecordsApp(pix, may_see, audience=audience))
    app.add_middleware(PixstoreMiddleware, pixstore=pix, authorize=may_see, audience=audience)
    add_error_handlers(app)


def _sent_picture(image: ImageUpload) -> NewPicture:
    return NewPicture(image)


def _show(request: Request, recipient: PageRecipient) -> Callable[[Sequence["Dish"]], list[DishView]]:
    def views(dishes: Sequence["Dish"]) -> list[DishView]:
        ids = (dish.picture for dish in dishes)
        records = images.get_image_records(ids, audience=audience(request.scope), recipient=recipient)
        return [
            DishView(id=dish.id, name=dish.name, cook=dish.cook.name, picture=records[dish.picture]) for dish in dishes
        ]

    return views


SentPicture = Annotated[NewPicture, Depends(_sent_picture)]
Show = Annotated[Callable[[Sequence["Dish"]], list[DishView]], Depends(_show)]
