"""The pictures of the pets: all code that this application has for pixstore_asgi."""

import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from quart import Blueprint, Quart, request, session

from pixstore_asgi import Pixstore, recipient_of
from pixstore_asgi.integrations.quart import add_pixstore, image_upload, no_store

pix = Pixstore(Path(os.environ.get("SHELTER_FOLDER", ".")) / "pictures.db", strip_metadata=True)


def audience(scope: object) -> str | None:
    return f"keeper {session['keeper']}" if "keeper" in session else None


def may_see(scope: object, image_id: str) -> bool:
    return "keeper" in session and image_id.startswith("pets:")  # each keeper sees all pets


def add_pictures(app: Quart, api: Blueprint) -> None:
    add_pixstore(app, pix, records_route="/api/records", authorize=may_see, audience=audience)
    api.after_request(no_store)


@asynccontextmanager
async def new_picture() -> AsyncGenerator[str, None]:
    """Save the picture that the request sends, and delete it again if its row is not written.

    It stays if the request is cancelled, because the database may write the row nevertheless.
    """
    record = await pix.save_image(image_upload(), directory="pets")
    try:
        yield record.id
    except Exception:
        await pix.delete_image(record.id)
        raise


async def with_pictures(pets: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the record of its picture into each row, by one query."""
    rows = list(pets)
    records = await pix.get_image_records(
        [pet["picture"] for pet in rows], audience=audience(None), recipient=recipient_of(request)
    )
    return [{**pet, "picture": records.get(pet["picture"])} for pet in rows]


async def delete_picture(image_id: str) -> None:
    await pix.delete_image(image_id)
