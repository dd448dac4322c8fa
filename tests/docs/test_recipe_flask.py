"""docs/recipes/flask.md and the table of places in not-async.md: real servers, with the applications of the pages."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import ImageRecord
from pixstore_asgi.testing import SealedPage
from tests.support.paths import ROOT
from tests.support.recipes import image_in, sent, write_files
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import Server, free_port, running, running_command

pytestmark = [pytest.mark.slow, pytest.mark.servers]

LARGE = large_png(2_500_000)
PAGE = SealedPage()


@contextlib.contextmanager
def gunicorn(folder: Path, app: str, *options: str) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}", "--workers", "2", *options]
    environment = {"PYTHONPATH": f"{folder}:{ROOT}", "PIXSTORE_SECRET": SECRET, "SECRET_KEY": SECRET}
    with running_command(command, port, folder / "gunicorn.log", cwd=folder, environment=environment) as server:
        yield server


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--worker-class", "sync"], id="sync"),
        pytest.param(["--worker-class", "gthread", "--threads", "4"], id="gthread"),
        pytest.param(["--worker-class", "gevent"], id="gevent"),
        pytest.param(["--preload"], id="preload"),
        pytest.param(["--preload", "--worker-class", "gevent"], id="preload-gevent"),
    ],
)
def test_gunicorn(tmp_path: Path, options: list[str]) -> None:
    """Under each worker of gunicorn, Flask saves, refuses, and gives records and pictures to their owner only."""
    write_files(tmp_path)
    if "--preload" in options:  # the parent process uses the store too
        application = tmp_path / "flask_app.py"
        application.write_text(application.read_text() + "\n\nimages.list_images()\n")
    with gunicorn(tmp_path, "flask_app:app", *options) as server, httpx.Client(base_url=server.url) as http:
        assert http.post("/api/pictures", content=picture()).status_code == 401
        http.post("/login/ada")
        for given in [picture(), LARGE] * 4:
            answer = http.post("/api/pictures", content=given)
            assert answer.headers["cache-control"] == "no-store", server.log
            record = ImageRecord.parse(answer.json())
            assert record.id.startswith("ada:")
            assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == given
        assert "not an image of a format" in http.post("/api/pictures", content=b"<html>").json()["detail"]
        assert http.post("/api/pictures", files={"image": picture()}).status_code == 415
        assert PAGE.open(http.post("/api/pictures", content=picture(), headers=PAGE.headers).json()).key
        found = http.get("/api/records", params={"id": [record.id, "bob:1"]}, headers=PAGE.headers)
        assert found.headers["cache-control"] == "no-store"
        assert list(found.json()) == [record.id]
        assert PAGE.open(found.json()[record.id]).key == record.key
        http.post("/login/bob")
        assert http.get(f"/pixstore-image/{record.id}", headers=sent(record)).status_code == 403
        assert "Traceback" not in server.log, server.log


def test_mounts(tmp_path: Path) -> None:
    """PixstoreApp in a WSGI application serves its pictures; Flask in an ASGI application saves and answers errors."""
    write_files(tmp_path)
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PIXSTORE_SECRET": SECRET}
    with running("uvicorn", "asgi_site:app", tmp_path, cwd=tmp_path, environment=environment) as server:
        for given in [picture(), LARGE]:
            record = ImageRecord.parse(httpx.post(f"{server.url}/api/pictures", content=given).json())
            assert (
                image_in(record, httpx.get(f"{server.url}/pixstore-image/{record.id}", headers=sent(record))) == given
            )
        assert httpx.post(f"{server.url}/api/pictures", content=b"<html>").status_code == 400
    with running("uvicorn", "sync_app:app", tmp_path, cwd=tmp_path, environment=environment) as server:
        image_id = httpx.post(f"{server.url}/api/pictures", content=picture()).json()["id"]
        assert httpx.get(f"{server.url}/api/ids").json() == [image_id]
    with gunicorn(tmp_path, "wsgi_app:app") as server, httpx.Client(base_url=server.url) as http:
        for _ in range(10):
            assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == LARGE
