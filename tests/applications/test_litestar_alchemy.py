"""The club, an application of Litestar with advanced-alchemy, by Litestar's own test client."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.testing import SealedPage, image_in, proof_headers
from tests.support.samples import picture

PAGE = SealedPage()


@pytest.fixture
def folder(folders: dict[str, Path]) -> Path:
    return folders["CLUB_FOLDER"]


@pytest.fixture
def app() -> Litestar:
    from tests.applications.litestar_alchemy.app import app

    return app


@pytest.fixture
def http(app: Litestar) -> Iterator[TestClient[Litestar]]:
    with TestClient(app) as http:
        yield http


def sign_in(http: TestClient[Litestar], name: str) -> None:
    credentials = {"name": name, "password": f"{name}'s password"}
    http.post("/api/members", json=credentials)
    assert http.post("/api/login", json=credentials).status_code == 204


def posted(http: TestClient[Litestar], data: bytes) -> Any:
    answer = http.post("/api/posts", params={"text": "Hello"}, content=data, headers=PAGE.headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    return answer.json()


def stored(folder: Path) -> list[str]:
    async def ids() -> list[str]:
        async with Pixstore(folder / "pictures.db") as pix:
            return [image.id for image in await pix.list_images(directory="posts")]

    return asyncio.run(ids())


def test_a_post_with_its_picture(http: TestClient[Litestar], folder: Path) -> None:
    """A picture is posted, listed, served, replaced, and deleted with its post."""
    sign_in(http, "ada")
    post = posted(http, picture("jpeg"))
    (listed,) = http.get("/api/posts", headers=PAGE.headers).json()
    assert (listed["author"], listed["text"]) == ("ada", "Hello")
    record = PAGE.open(listed["picture"])
    image = http.get(f"/pixstore-image/{record.id}", headers=proof_headers(record))
    assert image_in(record, image.content) == picture("jpeg")
    changed = http.put(f"/api/posts/{post['id']}/picture", content=picture(), headers=PAGE.headers).json()
    assert stored(folder) == [changed["picture"]["id"]]
    assert http.delete(f"/api/posts/{post['id']}").status_code == 204
    assert stored(folder) == []


def test_members_only(http: TestClient[Litestar]) -> None:
    """Without a login there is no post, record or image; a proof is valid for its member; only the author deletes."""
    sign_in(http, "ada")
    post = posted(http, picture())
    record = PAGE.open(post["picture"])
    url = f"/pixstore-image/{record.id}"
    sign_in(http, "bob")
    assert http.get(url, headers=proof_headers(record)).headers["x-pixstore-state"] == "InvalidProof"
    assert record.id in http.get("/api/records", params={"id": record.id}).json()
    assert http.delete(f"/api/posts/{post['id']}").status_code == 403
    http.cookies.clear()
    for path in (url, "/api/posts", f"/api/records?id={record.id}"):
        assert http.get(path).status_code == 401
    assert http.get("/pixstore-image/-/ready").status_code == 200


def test_a_refused_picture_leaves_nothing(http: TestClient[Litestar], folder: Path) -> None:
    """A file that is no image is a 400 with a text for the user, and leaves no post and no picture."""
    sign_in(http, "ada")
    before = stored(folder)
    refused = http.post("/api/posts", params={"text": "Hello"}, content=b"<html>")
    assert (refused.status_code, "not an image" in refused.json()["detail"]) == (400, True)
    assert stored(folder) == before


def test_openapi_has_the_picture(app: Litestar) -> None:
    """The schema has records in the views of posts, and the image as the body of an upload through a dependency."""
    schema = app.openapi_schema.to_schema()
    view = schema["components"]["schemas"]["PostView"]
    assert view["properties"]["picture"] == {"$ref": "#/components/schemas/ImageRecord"}
    assert "image/png" in schema["paths"]["/api/posts"]["post"]["requestBody"]["content"]
    assert ImageRecord.json_schema()["required"] == schema["components"]["schemas"]["ImageRecord"]["required"]
