"""The application."""

from pathlib import Path

from litestar import Litestar, MediaType, get

from .accounts import auth, join, login
from .database import alchemy
from .pictures import plugin
from .posts import Posts

TEMPLATE = (Path(__file__).parents[1] / "page.html").read_text()
PAGE = TEMPLATE.replace("ROWS", "posts").replace("AUTHOR", "author").replace("TEXT", "text")


@get("/", media_type=MediaType.HTML)
async def page() -> str:
    return PAGE


app = Litestar([page, join, login, Posts], plugins=[alchemy, plugin], on_app_init=[auth.on_app_init])
