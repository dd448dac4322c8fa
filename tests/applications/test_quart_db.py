"""The shelter, an application of Quart with quart-db, by Quart's own test client."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import quart
import quart.typing

from pixstore_asgi import Pixstore
from pixstore_asgi.testing import SealedPage, image_in, proof_headers
from tests.support.samples import picture

PAGE = SealedPage()
Client = quart.typing.TestClientProtocol


@pytest.fixture
def folder(folders: dict[str, Path]) -> Path:
    return folders["SHELTER_FOLDER"]


@pytest.fixture
def app() -> quart.Quart:
    from tests.applications.quart_db.app import app

    return app


@pytest.fixture
async def http(app: quart.Quart) -> AsyncIterator[Client]:
    async with app.test_app() as running:
        yield running.test_client()


async def sign_in(http: Client, name: str) -> None:
    credentials = {"name": name, "password": f"{name}'s password"}
    await http.post("/api/keepers", json=credentials)
    assert (await http.post("/api/login", json=credentials)).status_code == 204


async def added(http: Client, data: bytes) -> Any:
    answer = await http.post("/api/pets", query_string={"name": "Rex"}, data=data, headers=PAGE.headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    return await answer.get_json()


async def stored(folder: Path) -> list[str]:
    async with Pixstore(folder / "pictures.db") as pix:
        return [image.id for image in await pix.list_images(directory="pets")]


async def test_a_pet_with_its_picture(http: Client, folder: Path) -> None:
    """A picture is added, listed, served, replaced, and deleted with its pet."""
    await sign_in(http, "ada")
    pet = await added(http, picture("jpeg"))
    (listed,) = await (await http.get("/api/pets", headers=PAGE.headers)).get_json()
    assert (listed["keeper"], listed["name"]) == ("ada", "Rex")
    record = PAGE.open(listed["picture"])
    image = await http.get(f"/pixstore-image/{record.id}", headers=proof_headers(record))
    assert image_in(record, await image.get_data(as_text=False)) == picture("jpeg")
    answer = await http.put(f"/api/pets/{pet['id']}/picture", data=picture(), headers=PAGE.headers)
    assert await stored(folder) == [(await answer.get_json())["picture"]["id"]]
    assert (await http.delete(f"/api/pets/{pet['id']}")).status_code == 204
    assert await stored(folder) == []


async def test_keepers_only(app: quart.Quart, http: Client) -> None:
    """Without a login there is no pet, record or image; a proof is valid for its keeper only."""
    await sign_in(http, "ada")
    pet = await added(http, picture())
    record = PAGE.open(pet["picture"])
    url, records = f"/pixstore-image/{record.id}", f"/api/records?id={record.id}"
    bob, stranger = app.test_client(), app.test_client()
    await sign_in(bob, "bob")
    assert (await bob.get(url, headers=proof_headers(record))).headers["x-pixstore-state"] == "InvalidProof"
    assert record.id in await (await bob.get(records)).get_json()
    assert (await bob.put(f"/api/pets/{pet['id']}/picture", data=picture())).status_code == 403
    statuses = [(await stranger.get(path)).status_code for path in ("/api/pets", records, "/pixstore-image/-/ready")]
    assert statuses == [401, 403, 200]
    refused = await stranger.get(url, headers=proof_headers(record))
    assert refused.headers["x-pixstore-state"] == "InvalidProof"


async def test_a_refused_picture_leaves_nothing(http: Client, folder: Path) -> None:
    """A file that is no image is a 400 with a text for the user; a row that is not written takes its picture along."""
    await sign_in(http, "ada")
    before = await stored(folder)
    refused = await http.post("/api/pets", query_string={"name": "Rex"}, data=b"<html>")
    assert (refused.status_code, "not an image" in (await refused.get_json())["detail"]) == (400, True)
    assert (await http.post("/api/pets", data=picture())).status_code == 500  # without the name, which the table needs
    assert await stored(folder) == before


async def test_a_cancelled_request_keeps_its_picture(app: quart.Quart, http: Client, folder: Path) -> None:
    """A client leaves while the database writes the row, which then names the picture."""
    from tests.applications.quart_db.pictures import new_picture

    async with app.test_request_context("/", method="PUT", data=picture()):
        with pytest.raises(asyncio.CancelledError):
            async with new_picture() as image_id:
                raise asyncio.CancelledError
    assert image_id in await stored(folder)
