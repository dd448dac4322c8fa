"""Keepers, their passwords, and the login by Quart's session cookie."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from quart import Blueprint, abort, g, request, session

blueprint = Blueprint("accounts", __name__, url_prefix="/api")


def _hashed(name: str, password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=name.encode(), n=2**10, r=8, p=1)


@blueprint.post("/keepers")
async def join() -> tuple[str, int]:
    sent = await request.get_json()
    await g.connection.execute(
        "INSERT INTO keeper (name, password) VALUES (:name, :password) ON CONFLICT DO NOTHING",
        {"name": sent["name"], "password": _hashed(sent["name"], sent["password"])},
    )
    return "", 201


@blueprint.post("/login")
async def login() -> tuple[str, int]:
    sent = await request.get_json()
    keeper = await g.connection.fetch_first("SELECT * FROM keeper WHERE name = :name", {"name": sent["name"]})
    if keeper is None or not hmac.compare_digest(keeper["password"], _hashed(sent["name"], sent["password"])):
        abort(401)
    session["keeper"] = keeper["id"]
    return "", 204


def keepers_only(view: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Answer 401 to a request without a login."""

    @wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if "keeper" not in session:
            abort(401)
        return await view(*args, **kwargs)

    return guarded
