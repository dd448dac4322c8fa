"""PictureView in SQLAdmin over sessions that are not async. The recipe's test has the pages and async sessions."""

from pathlib import Path

import httpx
from sqladmin import Admin
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from starlette.applications import Starlette

from pixstore_asgi import Pixstore
from pixstore_asgi.integrations.sqladmin import PictureView
from pixstore_asgi.integrations.sqlalchemy import SessionPictures
from tests.integrations.sqlalchemy.posts import Base, Post
from tests.support.samples import picture


class PostView(PictureView, model=Post):
    form_columns = ("name", "picture")
    records_url = "/records?</script>"


async def test_pictures_in_sqladmin(tmp_path: Path, pix: Pixstore) -> None:
    """A form adds, keeps and replaces a picture, and a deleted row takes it along. URLs in scripts are escaped."""
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine)
    SessionPictures(pix, sessions, metadata=[Base.metadata])
    app = Starlette()
    Admin(app, session_maker=sessions).add_view(PostView)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as http:

        async def send(path: str, file: tuple[str, bytes]) -> list[str]:
            answer = await http.post(f"/admin/post/{path}", data={"name": "a"}, files={"picture": file})
            assert answer.status_code == 302
            return [image.id for image in await pix.list_images()]

        (first,) = await send("create", ("a.png", picture()))
        page = (await http.get("/admin/post/edit/1")).text
        assert f'<pix-image src-id="{first}"' in page
        assert "/records?\\u003c/script>" in page
        assert await send("edit/1", ("", b"")) == [first]
        (second,) = await send("edit/1", ("b.webp", picture("webp")))
        assert second != first
        await http.delete("/admin/post/delete", params={"pks": "1"})
        assert await pix.list_images() == []
    engine.dispose()
