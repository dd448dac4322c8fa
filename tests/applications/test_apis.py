"""The APIs of the applications of FastAPI, Litestar and Quart, by Starlette's test client."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pixstore_asgi import Pixstore
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import SealedPage, image_in, proof_headers
from tests.applications.api_applications import API_APPLICATIONS, FASTAPI, QUART, ApiApplication
from tests.support.samples import picture

PAGE = SealedPage()


class Api:
    """The API of one running application, and its store."""

    def __init__(self, application: ApiApplication, http: TestClient, store: SyncPixstore) -> None:
        self.application = application
        self.http = http
        self.rows = f"/api/{application.rows}"
        self._store = store

    def sign_in(self, name: str) -> None:
        credentials = {"name": name, "password": f"{name}'s password"}
        self.http.post(f"/api/{self.application.users}", json=credentials)
        assert self.http.post("/api/login", json=credentials).status_code == 204

    def added(self, data: bytes) -> Any:
        answer = self.http.post(self.rows, params={self.application.text: "Rex"}, content=data, headers=PAGE.headers)
        assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
        return answer.json()

    def listed(self) -> Any:
        return {row["id"]: row for row in self.http.get(self.rows, headers=PAGE.headers).json()}

    def stored(self) -> set[str]:
        return {image.id for image in self._store.list_images(directory=self.application.rows)}


@pytest.fixture(params=API_APPLICATIONS, ids=lambda each: each.package)
def api(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Iterator[Api]:
    application: ApiApplication = request.param
    with TestClient(application.load()) as http:
        store = Pixstore(folders[application.folder] / "pictures.db")
        with SyncPixstore(store) as images:
            yield Api(application, http, images)


def test_a_row_with_its_picture(api: Api) -> None:
    """A picture is added, listed, served, replaced, and deleted with its row."""
    api.sign_in("ada")
    before = api.stored()
    row = api.added(picture("jpeg"))
    listed = api.listed()[row["id"]]
    assert (listed[api.application.author], listed[api.application.text]) == ("ada", "Rex")
    record = PAGE.open(listed["picture"])
    image = api.http.get(f"/pixstore-image/{record.id}", headers=proof_headers(record))
    assert image_in(record, image.content) == picture("jpeg")
    changed = api.http.put(f"{api.rows}/{row['id']}/picture", content=picture(), headers=PAGE.headers).json()
    assert api.stored() - before == {changed["picture"]["id"]}
    assert api.http.delete(f"{api.rows}/{row['id']}").status_code == 204
    assert api.stored() == before


def test_signed_in_users_only(api: Api) -> None:
    """Without a login there is no row, record or image; a proof is valid for its user; only the author changes a
    row.
    """
    api.sign_in("ada")
    row = api.added(picture())
    record = PAGE.open(row["picture"])
    url, records = f"/pixstore-image/{record.id}", f"/api/records?id={record.id}"
    api.sign_in("bob")
    assert api.http.get(url, headers=proof_headers(record)).headers["x-pixstore-state"] == "InvalidProof"
    assert record.id in api.http.get(records).json()
    assert api.http.put(f"{api.rows}/{row['id']}/picture", content=picture()).status_code == 403
    assert api.http.delete(f"{api.rows}/{row['id']}").status_code == 403
    api.http.cookies.clear()
    assert api.http.get(api.rows).status_code == 401
    assert api.http.get(records).status_code in (401, 403)
    refused = api.http.get(url, headers=proof_headers(record))
    assert refused.status_code == 401 or refused.headers["x-pixstore-state"] == "InvalidProof"
    assert api.http.get("/pixstore-image/-/ready").status_code == 200


def test_a_refused_picture_leaves_nothing(api: Api) -> None:
    """A file that is no image is a 400 with a text for the user, and leaves no row and no picture."""
    api.sign_in("ada")
    before = (api.stored(), set(api.listed()))
    refused = api.http.post(api.rows, params={api.application.text: "Rex"}, content=b"<html>")
    assert (refused.status_code, "not an image" in refused.json()["detail"]) == (400, True)
    assert (api.stored(), set(api.listed())) == before


@pytest.mark.parametrize("api", [QUART], indirect=True)
def test_a_row_that_is_not_written_takes_its_picture_along(api: Api) -> None:
    """Without the name, which the table needs, there is neither a pet nor a picture."""
    api.sign_in("ada")
    before = api.stored()
    assert api.http.post(api.rows, content=picture()).status_code == 500
    assert api.stored() == before


@pytest.mark.slow
@pytest.mark.parametrize("api", [FASTAPI], indirect=True)
def test_many_uploads_at_once(api: Api) -> None:
    """64 uploads at once, more than there are worker threads for `def` routes, are all stored."""
    api.sign_in("ada")
    before = len(api.stored())
    with ThreadPoolExecutor(64) as threads:
        ids = set(threads.map(lambda number: api.added(picture(seed=number))["picture"]["id"], range(64)))
    assert len(ids) == 64
    assert len(api.stored()) == before + 64


async def test_a_cancelled_request_keeps_its_picture(folders: dict[str, Path]) -> None:
    """A client of the shelter leaves while the database writes the row, which then names the picture."""
    async with QUART.load().test_app() as running:
        from tests.applications.quart_db.pictures import new_picture, pix

        async with running.app.test_request_context("/", method="PUT", data=picture()):
            with pytest.raises(asyncio.CancelledError):
                async with new_picture() as image_id:
                    raise asyncio.CancelledError
        assert await pix.image_exists(image_id)
