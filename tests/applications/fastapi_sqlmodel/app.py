"""The application."""

import os
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from sqlmodel import SQLModel
from starlette.middleware.sessions import SessionMiddleware

from . import accounts, dishes
from .database import engine
from .pictures import add_pictures

TEMPLATE = (Path(__file__).parents[1] / "page.html").read_text()
PAGE = TEMPLATE.replace("ROWS", "dishes").replace("AUTHOR", "cook").replace("TEXT", "name")

SQLModel.metadata.create_all(engine)
app = FastAPI(title="Restaurant")
app.include_router(accounts.router)
app.include_router(dishes.router)
add_pictures(app)
app.add_middleware(SessionMiddleware, secret_key=os.urandom(16).hex())


@app.get("/", response_class=HTMLResponse, include_in_schema=False)
def page() -> str:
    return PAGE
