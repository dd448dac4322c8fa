"""PictureField in Starlette-Admin, over HTTP."""

import gc
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker
from starlette.applications import Starlette
from starlette_admin import IntegerField, StringField
from starlette_admin.contrib.sqla import Admin, ModelView

from pixstore_asgi import Pixstore
from pixstore_asgi.integrations.sqlalchemy import SessionPictures
from pixstore_asgi.integrations.starlette_admin import PictureField
from tests.integrations.sqlalchemy.posts import Base, Post
from tests.support.samples import picture


class PostView(ModelView):
    fields = (IntegerField("id", exclude_from_create=True), StringField("name"), PictureField("picture"))


@pytest.fixture(params=["async", "sync"])
async def http(request: pytest.FixtureRequest, tmp_path: Path, pix: Pixstore) -> AsyncIterator[httpx.AsyncClient]:
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)
    others = create_async_engine(engine.url.set(drivername="sqlite+aiosqlite"))
    sessions: sessionmaker[Session] | async_sessionmaker[AsyncSession] = sessionmaker(engine, expire_on_commit=False)
    if request.param == "async":
        sessions = async_sessionmaker(others, expire_on_commit=False)
    SessionPictures(pix, sessions, metadata=[Base.metadata])
    admin = Admin(sessions, secret_key="a key of tests, which is long enough")
    admin.add_view(PostView(Post))
    app = Starlette()
    admin.mount_to(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as http:
        yield http
    await others.dispose()
    engine.dispose()
    gc.collect()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")  # its check of the CSRF token closes no upload
async def test_pictures_in_starlette_admin(http: httpx.AsyncClient, pix: Pixstore) -> None:
    """Pages show a picture by its id. A form adds, keeps, replaces and removes it."""
    saved: list[str] = []

    async def send(path: str, image: bytes | None = None, **fields: str) -> httpx.Response:
        file = ("", b"") if image is None else ("a.png", image)
        page = await http.get(f"/admin/post/{path}")
        token = re.search(r'name="(\w*csrf\w*)"\s+value="([^"]+)"', page.text)
        hidden = {token[1]: token[2]} if token else {}
        answer = await http.post(f"/admin/post/{path}", data={"name": "a", **hidden, **fields}, files={"picture": file})
        saved[:] = [image.id for image in await pix.list_images()]
        return answer

    assert (await send("create", picture())).status_code == 303
    (first,) = saved
    for page in ("list", "detail?pk=1", "edit?pk=1"):
        shown = (await http.get(f"/admin/post/{page}")).text
        assert f'<pix-image src-id="{first}"' in shown
    assert (await send("edit?pk=1", name="b")).status_code == 303
    assert saved == [first]
    assert (await send("edit?pk=1", picture("webp"))).status_code == 303
    assert (len(saved), first in saved) == (1, False)
    assert (await send("edit?pk=1", None, **{"_picture-delete": "on"})).status_code == 303
    assert saved == []
