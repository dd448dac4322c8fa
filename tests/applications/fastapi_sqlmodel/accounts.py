"""Cooks, their passwords, and the login by a session cookie."""

import hashlib
import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel
from sqlmodel import select

from .database import Database
from .models import Cook

router = APIRouter(prefix="/api")


class Credentials(BaseModel):
    name: str
    password: str


def _hashed(credentials: Credentials) -> bytes:
    return hashlib.scrypt(credentials.password.encode(), salt=credentials.name.encode(), n=2**10, r=8, p=1)


@router.post("/cooks", status_code=201)
def join(credentials: Credentials, database: Database) -> None:
    if database.exec(select(Cook).where(Cook.name == credentials.name)).first():
        raise HTTPException(409, "this name is taken")
    database.add(Cook(name=credentials.name, password=_hashed(credentials)))
    database.commit()


@router.post("/login", status_code=204)
def login(credentials: Credentials, request: Request, database: Database) -> None:
    cook = database.exec(select(Cook).where(Cook.name == credentials.name)).first()
    if cook is None or not hmac.compare_digest(cook.password, _hashed(credentials)):
        raise HTTPException(401, "wrong name or password")
    request.session["cook"] = cook.id


def _signed_in(request: Request, database: Database) -> Cook:
    cook = database.get(Cook, request.session.get("cook", 0))
    if cook is None:
        raise HTTPException(401, "sign in first")
    return cook


SignedIn = Annotated[Cook, Depends(_signed_in)]
