"""docs/recipes/sqlalchemy-transaction.md: its applications run in this process, on SQLite and on a real PostgreSQL."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlmodel import SQLModel

from pixstore_asgi import ImageRecord, InvalidImage, Pixstore
from pixstore_asgi.integrations.sqlalchemy import NewPicture, PictureType
from pixstore_asgi.process import wall_clock_ms
from pixstore_asgi.testing import image_in, proof_headers
from tests.docs.conftest import RunSnippet
from tests.support.postgres import Cluster
from tests.support.recipes import OTHER_BLOCKS, write_files
from tests.support.samples import SECRET, picture
from tests.support.watching import unwatch

Import = Callable[[str], Any]


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture: Mapped[str] = mapped_column(PictureType())


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
    """Yield a function that imports a file of the page. Afterwards nothing watches the sessions of other tests."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    yield import_module
    for name in ("posts_app", "posts_unnamed", "posts_admin", "notes_app"):
        sys.modules.pop(name, None)
    unwatch(Session)


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a running application."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="https://test") as http:
            yield http


async def arriving(engine: Any, held: list[int]) -> AsyncIterator[bytes]:
    """Yield a picture, and note how many connections of the pool are in use before it arrives."""
    held.append(engine.pool.checkedout())
    yield picture()


async def test_posts_with_pictures(module: Import) -> None:
    """A post is added, listed with a readable record, gets another picture, and is deleted with it."""
    posts = module("posts_app")
    async with serving(posts.app) as http, posts.pix:
        added = (await http.post("/api/posts?text=a", content=picture())).raise_for_status()
        first = ImageRecord.parse(added.json()["picture"])
        assert added.headers["cache-control"] == "no-store"
        assert first.id.startswith("posts:")
        image = await http.get(f"/pixstore-image/{first.id}", headers=proof_headers(first))
        assert image_in(first, image.content) == picture()
        assert (await http.post("/api/posts?text=b", content=b"<html>")).status_code == 400
        (await http.put("/api/posts/1/picture", content=picture("webp"))).raise_for_status()
        assert (await http.put("/api/posts/2/picture", content=picture())).status_code == 404
        (listed,) = (await http.get("/api/posts")).json()
        (kept,) = await posts.pix.list_images()
        assert (listed["picture"]["id"], kept.id != first.id) == (kept.id, True)
        (await http.delete("/api/posts/1")).raise_for_status()
        assert await posts.pix.list_images() == []


async def test_an_upload_holds_no_connection(module: Import) -> None:
    """While the picture of a new post or of an old one arrives, the pool has all its connections."""
    posts, held = module("posts_app"), list[int]()
    async with serving(posts.app) as http, posts.pix:
        (await http.post("/api/posts?text=a", content=arriving(posts.engine, held))).raise_for_status()
        (await http.put("/api/posts/1/picture", content=arriving(posts.engine, held))).raise_for_status()
    assert held == [0, 0]


async def test_the_list_asks_the_store_once(module: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records of all posts come from one call, and the response model accepts a post without a picture."""
    posts = module("posts_app")
    calls = []
    get_image_records = posts.pix.get_image_records

    async def count(image_ids: Any) -> Any:
        calls.append(list(image_ids))
        return await get_image_records(calls[-1])

    async with serving(posts.app) as http, posts.pix:
        for seed in range(3):
            await http.post(f"/api/posts?text={seed}", content=picture(seed=seed))
        async with posts.sessions.begin() as session:
            session.add(posts.Post(text="without"))
        monkeypatch.setattr(posts.pix, "get_image_records", count)
        listed = (await http.get("/api/posts")).json()
    assert [post["picture"] and post["picture"]["id"] for post in listed] == [*calls[0], None]
    assert len(calls) == 1


async def test_pictures_without_a_row(module: Import, capsys: pytest.CaptureFixture[str]) -> None:
    """The script lists the picture without a row once it is old, and deletes it with --delete."""
    posts, unnamed = module("posts_app"), module("posts_unnamed")
    async with Pixstore("pixstore.db", secret=SECRET, clock_ms=lambda: wall_clock_ms() - 7_200_000) as earlier:
        lost = await earlier.save_image(picture(), directory="posts")
    async with serving(posts.app), posts.pix:
        async with posts.sessions.begin() as session:
            session.add(posts.Post(text="a", picture=NewPicture(picture())))
        for delete in (False, True):
            await unnamed.main(delete=delete)
            assert capsys.readouterr().out.split() == [lost.id]
        assert len(await posts.pix.list_images()) == 1


@pytest.mark.slow
async def test_pictures_in_sqladmin(module: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the login, the admin lists a picture, adds, keeps, replaces and removes it, and gets its record."""
    monkeypatch.setenv("SESSION_KEY", "a key of tests")
    monkeypatch.setenv("ADMIN_PASSWORD", "letmein")
    posts, _ = module("posts_app"), module("posts_admin")
    saved: list[str] = []

    async def send(path: str, image: bytes | None = None, **fields: str) -> httpx.Response:
        """Send a form as a browser does: an input without a file is an empty part without a name."""
        file = ("", b"") if image is None else ("a.png", image)
        answer = await http.post(f"/admin/post/{path}", data={"text": "a", **fields}, files={"picture": file})
        saved[:] = [image.id for image in await posts.pix.list_images()]
        return answer

    async with serving(posts.app) as http, posts.pix:
        assert (await http.get("/admin/post/list")).status_code == 302
        await http.post("/admin/login", data={"username": "admin", "password": "letmein"})
        assert (await send("create", picture())).status_code == 302
        (first,) = saved
        for page in ("list", "details/1", "edit/1"):
            assert f'<pix-image src-id="{first}"' in (await http.get(f"/admin/post/{page}")).text
        record = (await http.get("/api/records", params={"id": first})).json()[first]
        image = await http.get(f"/pixstore-image/{first}", headers=proof_headers(record))
        assert image_in(record, image.content) == picture()
        assert (await send("edit/1", text="b")).status_code == 302
        assert saved == [first]
        refused = await send("edit/1", b"<html>")
        assert (refused.status_code, "not an image of a format" in refused.text) == (400, True)
        assert (await send("edit/1", picture("webp"))).status_code == 302
        assert (len(saved), first in saved) == (1, False)
        assert (await send("edit/1", picture_checkbox="on")).status_code == 302
        assert saved == []
        await http.get("/admin/logout")
        assert (await http.get("/api/records", params={"id": first})).json() == {}


async def test_sqlmodel_in_a_def_route(module: Import) -> None:
    """`def` routes with SQLModel save the request's stream, and list notes with the records of their pictures."""
    notes, held = module("notes_app"), list[int]()
    async with serving(notes.app) as http, notes.pix:
        sent = arriving(notes.engine, held)
        note = (await http.post("/api/notes?text=a", content=sent)).raise_for_status().json()
        assert held == [0]
        assert (await http.post("/api/notes?text=b", content=b"<html>")).status_code == 400
        read = await notes.pix.read_image(note["picture"])
        assert read.data == picture()
        assert note["picture"].startswith("notes:")
        (listed,) = (await http.get("/api/notes")).json()
        image = await http.get(f"/pixstore-image/{note['picture']}", headers=proof_headers(listed["picture"]))
        assert image_in(listed["picture"], image.content) == picture()
    notes.engine.dispose()
    SQLModel.metadata.remove(notes.Note.__table__)


async def test_one_transaction(run_snippet: RunSnippet, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `in_transaction`, a picture is there with its row, or neither is."""
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    with postgres.lent() as url:
        snippet = OTHER_BLOCKS["sqlalchemy-transaction"]
        driver = url.replace("postgresql:", "postgresql+asyncpg:")
        begin, end = snippet.index("url = URL.create"), snippet.index("sessions =")
        names = run_snippet(
            f'{snippet[:begin]}from sqlalchemy import make_url\nurl = make_url("{driver}")\n{snippet[end:]}'
        )
        pix, sessions = names["pix"], names["sessions"]
        async with pix, sessions.kw["bind"].begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with pix, sessions.begin() as session:
            session.add(Post(picture=NewPicture(picture())))
        with pytest.raises(InvalidImage):
            async with pix, sessions.begin() as session:
                session.add_all([Post(picture=NewPicture(picture())), Post(picture=NewPicture(b"no image"))])
        async with pix, sessions() as session:
            (post,) = await session.scalars(select(Post))
            assert [image.id for image in await pix.list_images()] == [post.picture]
        await sessions.kw["bind"].dispose()
