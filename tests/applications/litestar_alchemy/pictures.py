"""The pictures of the posts: all code that this application has for pixstore_asgi."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from advanced_alchemy.base import UUIDAuditBase
from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation
from litestar.types import Scope

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.integrations.litestar import ImageUpload, PageRecipient, PixstorePlugin, no_store
from pixstore_asgi.integrations.sqlalchemy import NewPicture, PictureType, SessionPictures

from .database import FOLDER, sessions

if TYPE_CHECKING:
    from .models import Post

__all__ = ["PictureType", "PostView", "SentPicture", "Show", "dependencies", "no_store", "plugin"]

pix = Pixstore(FOLDER / "pictures.db", strip_metadata=True)
SessionPictures(pix, sessions, metadata=[UUIDAuditBase.metadata])


@dataclass
class PostView:
    id: UUID
    author: str
    text: str
    picture: ImageRecord


def audience(scope: Scope) -> str:
    return str(scope["user"].id)


def may_see(scope: Scope, image_id: str) -> bool:
    return image_id.startswith("posts:")  # each member sees all posts


plugin = PixstorePlugin(pix, records_route="/api/records", authorize=may_see, audience=audience)


async def sent_picture(image_upload: ImageUpload) -> NewPicture:
    return NewPicture(image_upload)


async def show(request: Request[Any, Any, Any], page_recipient: PageRecipient) -> Callable[..., Awaitable[Any]]:
    async def views(posts: Sequence["Post"]) -> list[PostView]:
        ids = [post.picture for post in posts]
        records = await pix.get_image_records(ids, audience=audience(request.scope), recipient=page_recipient)
        return [PostView(post.id, post.author.name, post.text, records[post.picture]) for post in posts]

    return views


SentPicture: TypeAlias = NamedDependency[SkipValidation[NewPicture]]
Show: TypeAlias = NamedDependency[SkipValidation[Callable[[Sequence["Post"]], Awaitable[list[PostView]]]]]
dependencies = {"sent_picture": Provide(sent_picture), "show": Provide(show)}
