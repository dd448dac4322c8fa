"""The application."""

from pathlib import Path

from litestar import Litestar, MediaType, get

from .accounts import auth, join, login
from .database import alchemy
from .pictures import plugin
from .posts import Posts

PAGE = (Path(__file__).parent / "page.html").read_text()


@get("/", media_type=MediaType.HTML)
async def page() -> str:
    return PAGE


app = Litestar([page, join, login, Posts], plugins=[alchemy, plugin], on_app_init=[auth.on_app_init])
