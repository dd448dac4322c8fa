"""The applications with an API and a page of the same form: users sign in and add rows, each with a picture."""

from importlib import import_module
from typing import Any, NamedTuple


class ApiApplication(NamedTuple):
    """One application.

    folder: the environment variable with the folder of its data. users, rows: the last part of their paths. author,
    text: the names of the fields of a row.
    """

    package: str
    folder: str
    users: str
    rows: str
    author: str
    text: str

    @property
    def module(self) -> str:
        """The name of the module whose `app` is the ASGI application."""
        return f"tests.applications.{self.package}.app"

    def load(self) -> Any:
        """Import the ASGI application. The environment must have its folder."""
        return import_module(self.module).app


FASTAPI = ApiApplication("fastapi_sqlmodel", "RESTAURANT_FOLDER", "cooks", "dishes", "cook", "name")
LITESTAR = ApiApplication("litestar_alchemy", "CLUB_FOLDER", "members", "posts", "author", "text")
QUART = ApiApplication("quart_db", "SHELTER_FOLDER", "keepers", "pets", "keeper", "name")
API_APPLICATIONS = (FASTAPI, LITESTAR, QUART)
