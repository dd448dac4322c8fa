"""pixstore_asgi.integrations.quart: images, records, errors and uploads in applications of Quart."""

import asyncio
from typing import Any

import pytest
import quart
import quart.typing
from quart import Blueprint, Quart

from pixstore_asgi import ImageNotFound, ImageRecord, Pixstore, PixstoreError, StoreError, recipient_of
from pixstore_asgi.errors import ConfigError, StoreBusy, StoreConflict, StoreFull, UploadTimeout
from pixstore_asgi.integrations.quart import add_pixstore, image_upload, no_store
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.testing import SealedPage, image_in, proof_headers
from tests.support.life import is_closed
from tests.support.samples import SECRET, large_png, picture

LIMIT = 100_000
RAISED: dict[str, PixstoreError] = {
    "missing": ImageNotFound("no such image"),
    "slow": UploadTimeout("too slow"),
    "changed": StoreConflict("another token"),
    "full": StoreFull("/srv/pixstore.db: the disk is full"),
    "busy": StoreBusy("/srv/pixstore.db is locked"),
    "broken": StoreError("/srv/pixstore.db is damaged"),
}


def may_see(scope: Any, image_id: str) -> bool:
    """A rule that reads Quart's session."""
    return quart.session.get("user") == "ada" and image_id.startswith("ada:")


async def user(scope: Any) -> str | None:
    name: str | None = quart.session.get("user")
    return name


@pytest.fixture
def pix() -> Pixstore:
    return Pixstore(MemoryStore(), secret=SECRET)


@pytest.fixture
def app(pix: Pixstore) -> Quart:
    """An application with a login, and a blueprint for uploads and records."""
    app = Quart(__name__)
    app.secret_key = SECRET
    app.config["MAX_CONTENT_LENGTH"] = LIMIT
    add_pixstore(app, pix, records_route="/records", authorize=may_see, audience=user)
    api = Blueprint("api", __name__, url_prefix="/api")
    api.after_request(no_store)

    @app.post("/login/<name>")
    async def login(name: str) -> str:
        quart.session["user"] = name
        return ""

    @api.post("/pictures")
    async def upload() -> ImageRecord:
        return await pix.save_image(image_upload(), directory="ada", recipient=recipient_of(quart.request))

    @app.get("/raise/<name>")
    async def fail(name: str) -> str:
        raise RAISED[name]

    @app.get("/leak/<image_id>")
    async def leak(image_id: str) -> str:
        record = await pix.get_image_record(image_id)  # a local of the traceback
        raise RuntimeError("boom") from ValueError(str(record))

    app.register_blueprint(api)
    return app


async def saved(http: quart.typing.TestClientProtocol, **sent: Any) -> Any:
    answer = await http.post("/api/pictures", **{"data": picture(), **sent})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return await answer.get_json()


async def test_an_image_is_saved_and_served_to_its_session(app: Quart, pix: Pixstore) -> None:
    """Rule and audience read Quart's session, for images, batches and records; the Pixstore opens and closes."""
    async with app.test_app() as running:
        ada, bob = running.test_client(), running.test_client()
        await ada.post("/login/ada")
        await bob.post("/login/bob")
        image_id = (await saved(ada))["id"]
        assert await (await bob.get("/records", query_string={"id": image_id})).get_json() == {}
        records = await (await ada.get("/records", query_string={"id": image_id})).get_json()
        record = ImageRecord.parse(records[image_id])
        url, headers = f"/pixstore-image/{image_id}", proof_headers(record)
        assert image_in(record, await (await ada.get(url, headers=headers)).get_data(as_text=False)) == picture()
        assert (await bob.get(url, headers=headers)).headers["x-pixstore-state"] == "InvalidProof"
        assert (await ada.get("/pixstore-image/-/ready")).status_code == 200
    assert is_closed(pix)


async def test_records_are_sealed_to_the_page_that_asks(app: Quart) -> None:
    """recipient_of reads Quart's request; an invalid header is a 400."""
    page = SealedPage()
    http = app.test_client()
    assert page.open(await saved(http, headers=page.headers))
    refused = await http.post("/api/pictures", data=picture(), headers={"pixstore-recipient": "x"})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("missing", 404, "no such image"),
        ("slow", 408, "too slow"),
        ("changed", 409, "another token"),
        ("full", 507, "the server has no room for more images: try again later"),
        ("busy", 503, "the store is busy: try again"),
    ],
)
async def test_each_error_of_a_client_has_its_answer(app: Quart, name: str, status: int, detail: str) -> None:
    """The statuses and texts are those of the handlers for Starlette."""
    answer = await app.test_client().get(f"/raise/{name}")
    assert (answer.status_code, await answer.get_json()) == (status, {"detail": detail})
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    assert answer.headers["cache-control"] == "no-store"


async def test_other_errors_stay_with_quart(app: Quart) -> None:
    """A failing store is a 500 without its text; a changed image is a 412 for a request with If-Match."""
    app.config["PROPAGATE_EXCEPTIONS"] = False
    broken = await app.test_client().get("/raise/broken")
    assert (broken.status_code, b"damaged" in await broken.get_data(as_text=False)) == (500, False)
    changed = await app.test_client().get("/raise/changed", headers={"if-match": '"1"'})
    assert changed.status_code == 412


async def test_the_applications_own_handler_comes_first(app: Quart) -> None:
    """An error handler that the application registers later replaces the one of this package."""

    @app.errorhandler(ImageNotFound)
    async def gone(error: ImageNotFound) -> tuple[str, int]:
        return "", 410

    assert (await app.test_client().get("/raise/missing")).status_code == 410


async def test_uploads_are_refused_with_a_reason(app: Quart) -> None:
    """No image, an image above Quart's limit, announced or not, and a form get their status and text as JSON."""
    http = app.test_client()
    assert (await http.post("/api/pictures", data=b"<html>")).status_code == 400
    announced = await http.post("/api/pictures", data=large_png(LIMIT + 1))
    assert announced.status_code == 413
    assert "MAX_CONTENT_LENGTH, 100,000" in (await announced.get_json())["detail"]
    async with http.request("/api/pictures", method="POST") as sending:
        await sending.send(large_png(LIMIT + 1))
        await sending.send_complete()
    assert (await sending.as_response()).status_code == 413
    form = await http.post("/api/pictures", data=b"--x", headers={"content-type": "multipart/form-data; boundary=x"})
    assert (form.status_code, "multipart form" in (await form.get_json())["detail"]) == (415, True)


async def test_an_aborted_upload_is_no_error_of_the_server(app: Quart, caplog: pytest.LogCaptureFixture) -> None:
    """Quart cancels the view; nothing is stored and nothing is logged."""
    http = app.test_client()
    async with http.request("/api/pictures", method="POST") as sending:
        await sending.send(picture()[:20])
        await asyncio.sleep(0)
        await sending.disconnect()
    assert not caplog.records


async def test_the_page_for_debugging_has_no_key(app: Quart, pix: Pixstore) -> None:
    """Quart shows the locals of a traceback in debug mode, without the key and the proof of a record."""
    app.debug, app.config["PROPAGATE_EXCEPTIONS"] = True, True
    async with pix:
        record = await pix.save_image(picture())
        answer = await app.test_client().get(f"/leak/{record.id}")
    page = await answer.get_data(as_text=True)
    assert (answer.status_code, "boom" in page, "ImageRecord(" in page) == (500, True, True)
    assert record["meta"]["key"] not in page
    assert record.stateless_proof not in page


def test_a_wrong_rule_is_refused(pix: Pixstore) -> None:
    """A records route without a rule, and a rule that is no function, are errors of the configuration."""
    with pytest.raises(ConfigError, match="authorize"):
        add_pixstore(Quart(__name__), pix, records_route="/records")
    with pytest.raises(ConfigError, match="authorize must be a function"):
        add_pixstore(Quart(__name__), pix, authorize="yes")  # type: ignore[arg-type]
