"""SyncPixstore in frameworks that are not async: uploads, and payloads as responses."""

import time
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import StreamingHttpResponse

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.errors import UploadTimeout
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import image_in, proof_headers
from tests.support.django_setup import configure_django
from tests.support.samples import SECRET, large_png, picture

LARGE = large_png(1_500_000)


@pytest.fixture
def images(tmp_path: Path) -> Iterator[SyncPixstore]:
    with SyncPixstore(Pixstore(tmp_path / "pixstore.db", secret=SECRET, upload_timeout_s=0.1)) as images:
        yield images


def test_flask(images: SyncPixstore) -> None:
    """A view of Flask saves the request's body, and sends the payload in pieces."""
    app = flask.Flask(__name__)

    @app.post("/pictures")
    def save() -> ImageRecord:
        return images.save_image(flask.request.stream)

    @app.get("/pictures/<image_id>")
    def image(image_id: str) -> flask.Response:
        sent = flask.request.headers
        payload = images.open_payload(image_id, token=sent.get("x-pixstore-token"), proof=sent.get("x-pixstore-proof"))
        return flask.Response(payload, payload.status, payload.headers)

    http = app.test_client()
    record = ImageRecord.parse(http.post("/pictures", data=LARGE).json)
    answer = http.get(f"/pictures/{record.id}", headers=proof_headers(record))
    assert answer.headers["cache-control"] == "no-store"
    assert image_in(record, answer.data) == LARGE


def test_django(images: SyncPixstore) -> None:
    """An uploaded file of Django is saved, and a response that is closed early closes the payload."""
    configure_django()
    record = images.save_image(SimpleUploadedFile("picture.png", LARGE))
    payload = images.open_payload(record.id, token=record.token, proof=record.stateless_proof)
    response = StreamingHttpResponse(payload, status=payload.status, headers=payload.headers)
    assert next(iter(response))
    response.close()
    assert list(payload) == []


def test_a_slow_file(images: SyncPixstore) -> None:
    """The time limits of uploads hold for iterators too, once the iterator returns."""

    def slow() -> Iterator[bytes]:
        yield picture()[:100]
        time.sleep(0.3)
        yield picture()[100:]

    with pytest.raises(UploadTimeout):
        images.save_image(slow())
    assert images.list_images() == []
