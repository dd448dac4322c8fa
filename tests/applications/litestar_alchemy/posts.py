"""Posts: add, list, change the picture, delete."""

from typing import Any
from uuid import UUID

from advanced_alchemy.extensions.litestar import providers
from litestar import Controller, Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath, FromQuery

from .models import Member, Post, PostService
from .pictures import PostView, SentPicture, Show, dependencies, no_store

MemberRequest = Request[Member, Any, Any]


class Posts(Controller):
    path = "/api/posts"
    cache_control = no_store
    dependencies = providers.create_service_dependencies(PostService, "posts") | dependencies

    @post()
    async def add(
        self,
        text: FromQuery[str],
        sent_picture: SentPicture,
        request: MemberRequest,
        posts: NamedDependency[PostService],
        show: Show,
    ) -> PostView:
        row = Post(text=text, author_id=request.user.id, author=request.user, picture=sent_picture)
        (view,) = await show([await posts.create(row)])
        return view

    @get()
    async def all(self, posts: NamedDependency[PostService], show: Show) -> list[PostView]:
        return await show(await posts.get_many())

    @put("/{post_id:uuid}/picture")
    async def change(
        self,
        post_id: FromPath[UUID],
        sent_picture: SentPicture,
        request: MemberRequest,
        posts: NamedDependency[PostService],
        show: Show,
    ) -> PostView:
        row = await _own(posts, post_id, request)
        await posts.repository.session.commit()  # returns the connection before the upload
        row.picture = sent_picture
        (view,) = await show([await posts.update(row)])
        return view

    @delete("/{post_id:uuid}")
    async def remove(
        self, post_id: FromPath[UUID], request: MemberRequest, posts: NamedDependency[PostService]
    ) -> None:
        await _own(posts, post_id, request)
        await posts.delete(post_id)


async def _own(posts: PostService, post_id: UUID, request: MemberRequest) -> Post:
    row = await posts.get(post_id)
    if row.author_id != request.user.id:
        raise PermissionDeniedException
    return row
