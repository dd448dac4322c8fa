"""The restaurant, an application of FastAPI with SQLModel sessions that are not async, by Starlette's test client."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pixstore_asgi import Pixstore
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import SealedPage, image_in, proof_headers
from tests.support.samples import picture

PAGE = SealedPage()


@pytest.fixture
def folder(folders: dict[str, Path]) -> Path:
    return folders["RESTAURANT_FOLDER"]


@pytest.fixture
def app() -> FastAPI:
    from tests.applications.fastapi_sqlmodel.app import app

    return app


@pytest.fixture
def http(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as http:
        yield http


@pytest.fixture
def stored(folder: Path) -> Iterator[SyncPixstore]:
    with SyncPixstore(Pixstore(folder / "pictures.db")) as images:
        yield images


def sign_in(http: TestClient, name: str) -> None:
    credentials = {"name": name, "password": f"{name}'s password"}
    http.post("/api/cooks", json=credentials)
    assert http.post("/api/login", json=credentials).status_code == 204


def added(http: TestClient, data: bytes, name: str = "Soup") -> Any:
    answer = http.post("/api/dishes", params={"name": name}, content=data, headers=PAGE.headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    return answer.json()


def test_a_dish_with_its_picture(http: TestClient, stored: SyncPixstore) -> None:
    """A picture is added, listed, served, replaced, and deleted with its dish."""
    sign_in(http, "ada")
    dish = added(http, picture("jpeg"))
    (listed,) = http.get("/api/dishes", headers=PAGE.headers).json()
    assert (listed["cook"], listed["name"]) == ("ada", "Soup")
    record = PAGE.open(listed["picture"])
    image = http.get(f"/pixstore-image/{record.id}", headers=proof_headers(record))
    assert image_in(record, image.content) == picture("jpeg")
    changed = http.put(f"/api/dishes/{dish['id']}/picture", content=picture(), headers=PAGE.headers).json()
    assert [each.id for each in stored.list_images()] == [changed["picture"]["id"]]
    assert http.delete(f"/api/dishes/{dish['id']}").status_code == 204
    assert stored.list_images() == []


def test_cooks_only(http: TestClient) -> None:
    """Without a login there is no dish, record or image; a proof is valid for its cook; only the cook deletes."""
    sign_in(http, "ada")
    dish = added(http, picture())
    record = PAGE.open(dish["picture"])
    url = f"/pixstore-image/{record.id}"
    sign_in(http, "bob")
    assert http.get(url, headers=proof_headers(record)).headers["x-pixstore-state"] == "InvalidProof"
    assert record.id in http.get("/api/records", params={"id": record.id}).json()
    assert http.delete(f"/api/dishes/{dish['id']}").status_code == 403
    http.cookies.clear()
    assert http.get(url, headers=proof_headers(record)).headers["x-pixstore-state"] == "InvalidProof"
    assert http.get("/api/dishes").status_code == 401
    assert http.get("/api/records", params={"id": record.id}).status_code == 403


def test_a_refused_picture_leaves_nothing(http: TestClient, stored: SyncPixstore) -> None:
    """A file that is no image is a 400 with a text for the user, and leaves no dish and no picture."""
    sign_in(http, "ada")
    before = (stored.list_images(), http.get("/api/dishes").json())
    refused = http.post("/api/dishes", params={"name": "Soup"}, content=b"<html>")
    assert (refused.status_code, "not an image" in refused.json()["detail"]) == (400, True)
    assert (stored.list_images(), len(http.get("/api/dishes").json())) == (before[0], len(before[1]))


@pytest.mark.slow
def test_many_cooks_at_once(http: TestClient, stored: SyncPixstore) -> None:
    """64 uploads at once, more than there are worker threads, are all stored."""
    sign_in(http, "ada")
    before = len(stored.list_images())
    with ThreadPoolExecutor(64) as threads:
        ids = set(threads.map(lambda number: added(http, picture(seed=number))["picture"]["id"], range(64)))
    assert len(ids) == 64
    assert len(stored.list_images()) == before + 64


def test_openapi_has_the_picture(app: FastAPI) -> None:
    """The schema has records in the views of dishes, and the image as the body of an upload."""
    schema = app.openapi()
    view = schema["components"]["schemas"]["DishView"]
    assert view["properties"]["picture"] == {"$ref": "#/components/schemas/ImageRecord"}
    assert "image/png" in schema["paths"]["/api/dishes"]["post"]["requestBody"]["content"]
