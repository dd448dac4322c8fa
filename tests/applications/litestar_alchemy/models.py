"""The tables."""

from uuid import UUID

from advanced_alchemy.base import UUIDAuditBase
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from advanced_alchemy.service import SQLAlchemyAsyncRepositoryService
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .pictures import PictureType


class Member(UUIDAuditBase):
    __tablename__ = "member"

    name: Mapped[str] = mapped_column(unique=True)
    password: Mapped[bytes]


class Post(UUIDAuditBase):
    __tablename__ = "post"

    text: Mapped[str]
    picture: Mapped[str] = mapped_column(PictureType("posts"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    author: Mapped[Member] = relationship(lazy="joined")


class PostService(SQLAlchemyAsyncRepositoryService[Post]):
    class Repository(SQLAlchemyAsyncRepository[Post]):
        model_type = Post

    repository_type = Repository
