"""Members, their passwords, and the login by a session cookie."""

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException
from litestar.middleware.session.client_side import ClientSideSessionBackend, CookieBackendConfig
from litestar.params import JSONBody
from litestar.security.session_auth import SessionAuth
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .database import sessions
from .models import Member


@dataclass
class Credentials:
    name: str
    password: str


def _hashed(credentials: Credentials) -> bytes:
    return hashlib.scrypt(credentials.password.encode(), salt=credentials.name.encode(), n=2**10, r=8, p=1)


@post("/api/members")
async def join(data: JSONBody[Credentials], db_session: NamedDependency[AsyncSession]) -> None:
    db_session.add(Member(name=data.name, password=_hashed(data)))


@post("/api/login", status_code=204)
async def login(
    data: JSONBody[Credentials], request: Request[Any, Any, Any], db_session: NamedDependency[AsyncSession]
) -> None:
    member = await db_session.scalar(select(Member).where(Member.name == data.name))
    if member is None or not hmac.compare_digest(member.password, _hashed(data)):
        raise NotAuthorizedException("wrong name or password")
    request.set_session({"member": str(member.id)})  # pyright: ignore[reportUnknownMemberType]


async def _member_of(session: dict[str, Any], connection: ASGIConnection[Any, Any, Any, Any]) -> Member | None:
    async with sessions() as db_session:
        return await db_session.get(Member, UUID(session["member"])) if "member" in session else None


auth = SessionAuth[Member, ClientSideSessionBackend](
    retrieve_user_handler=_member_of,
    session_backend_config=CookieBackendConfig(secret=os.urandom(16)),
    exclude=["^/$", "^/schema", "^/api/members$", "^/api/login$"],
)
