"""The application."""

import os
import secrets
from pathlib import Path

from quart import Quart
from quart_db import QuartDB

from . import accounts, pets
from .pictures import add_pictures

TEMPLATE = (Path(__file__).parents[1] / "page.html").read_text()
PAGE = TEMPLATE.replace("ROWS", "pets").replace("AUTHOR", "keeper").replace("TEXT", "name")


def create_app() -> Quart:
    app = Quart(__name__)
    app.secret_key = secrets.token_urlsafe()
    app.config["MAX_CONTENT_LENGTH"] = 32 * 1024 * 1024
    QuartDB(app, url=f"sqlite:///{Path(os.environ.get('SHELTER_FOLDER', '.')).absolute() / 'shelter.db'}")
    add_pictures(app, pets.blueprint)
    app.register_blueprint(accounts.blueprint)
    app.register_blueprint(pets.blueprint)

    @app.get("/")
    async def page() -> str:
        return PAGE

    return app


app = create_app()
