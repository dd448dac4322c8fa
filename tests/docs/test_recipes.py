"""docs/recipes: the applications run under a real server, as they stand there."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect

from pixstore_asgi import ImageRecord, WireState, decode_payload
from pixstore_asgi.testing import SealedPage
from tests.support.paths import DOCS, ROOT
from tests.support.recipes import BLOCKS, FILES, OTHER_BLOCKS, PAGES, image_in, recipe, save, sent, write_files
from tests.support.samples import large_png, picture
from tests.support.servers import Server

pytestmark = pytest.mark.servers

JWT_KEY = "a-key-for-the-tests-of-the-jwt-recipe-0123456789"
BEARER = {"authorization": "Bearer letmein"}
LARGE = 20_000_000  # more than the sockets of a connection take in, and than stays in memory


class Site(NamedTuple):
    """A running application and its folder."""

    server: Server
    folder: Path


@contextlib.contextmanager
def running_site(folder: Path, module: str, **environment: str) -> Iterator[Site]:
    """Run an application for the tests of one chapter; at its end it exits by SIGTERM and has logged no error."""
    with recipe(folder, module, **environment) as server:
        yield Site(server, folder)
        assert server.stop() in (0, -signal.SIGTERM), server.log
        assert "Traceback" not in server.log


def test_every_block_has_a_test() -> None:
    """A file that is added to a page gets its test here, in the files beside this one or in tests/browser."""
    assert set(FILES) == {
        "starlette_app.py",
        "players_app.py",
        "quart_pictures.py",
        "own_endpoint.py",
        "gallery_app.py",
        "static/index.html",
        "static/gallery.js",
        "jwt_app.py",
        "session_app.py",
        "share_app.py",
        "shared.html",
        "bound_app.py",
        "bound-pictures.js",
        "tenant_app.py",
        "records_app.py",
        "rendered_app.py",
        "templates/gallery.html",
        "records_route.py",
        "sync_app.py",
        "known-pictures.js",
        "plain-pictures.js",
        "offline.html",
        "offline.js",
        "offline-worker.js",
        "vault_app.py",
        "posts_app.py",
        "posts_unnamed.py",
        "posts_admin.py",
        "notes_app.py",
        "owners_app.py",
        "owners_sweep.py",
        "owner-pictures.js",
        "quart_app.py",
        "flask_app.py",
        "wsgi_app.py",
        "asgi_site.py",
        "socket_app.py",
        "socket-fetcher.js",
        "litestar_app.py",
        "mysite/asgi.py",
        "mysite/models.py",
        "mysite/views.py",
        "mysite/templates/gallery.html",
        "mysite/urls.py",
        "mysite/admin.py",
        "mysite/settings.py",
        "take_picture.py",
    }
    assert set(OTHER_BLOCKS) == {"django", "jwt-roles", "litestar", "sqlalchemy-transaction", "websocket"}
    assert len(BLOCKS) == len(FILES) + len(OTHER_BLOCKS)


def test_every_recipe_is_listed() -> None:
    """The list has each page, and no other."""
    listed = re.findall(r"\]\(recipes/([\w-]+)\.md\)", (DOCS / "recipes.md").read_text())
    assert sorted(listed) == sorted(PAGES)


def in_use(server: Server) -> int:
    count: int = httpx.get(f"{server.url}/in-use").json()
    return count


def leave_midway(server: Server, path: str, headers: dict[str, str]) -> int:
    """Ask for an image, read its beginning, go away, and return how many images were in use meanwhile."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        lines = [f"GET {path} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.recv(4096)
        return in_use(server)


def until_unused(server: Server) -> None:
    """Wait until nothing is in use, by being closed and not for being found by the garbage collector."""
    deadline = time.monotonic() + 20
    while in_use(server):
        assert time.monotonic() < deadline, server.log
        time.sleep(0.05)
    assert "neither read to its end nor closed" not in server.log


def seals(server: Server, **headers: str) -> None:
    """Check that upload and fresh record are sealed to the page that asks, and that an invalid page gets 400."""
    page, url = SealedPage(), f"{server.url}/api/pictures"
    saved = httpx.post(url, content=picture(), headers={**headers, **page.headers}).json()
    fresh = httpx.get(f"{url}/{saved['id']}", headers=page.headers).json()
    assert page.open(saved).key == page.open(fresh).key
    assert httpx.get(f"{url}/{saved['id']}", headers={"pixstore-recipient": "x"}).status_code == 400


# JWT


def bearer(role: object = "coach", *, key: str = JWT_KEY, lives_s: int = 60, **claims: object) -> dict[str, str]:
    token = jwt.encode({"role": role, "exp": int(time.time()) + lives_s, **claims}, key, "HS256")
    return {"authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def jwt_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_site(write_files(tmp_path_factory.mktemp("jwt")), "jwt_app", JWT_KEY=JWT_KEY) as (server, _):
        yield server


def test_jwt_roles_see_their_directories(jwt_site: Server) -> None:
    """A role uploads to, gets records of and reads images in its own directories alone."""
    saved = {}
    for directory in ("players", "contracts"):
        answer = httpx.post(f"{jwt_site.url}/api/pictures/{directory}", content=picture(), headers=bearer())
        assert answer.headers["cache-control"] == "no-store"
        saved[directory] = ImageRecord.parse(answer.raise_for_status().json())
    for role, directory, status in [
        ("coach", "players", 200),
        ("coach", "contracts", 200),
        ("fan", "players", 200),
        ("fan", "contracts", 403),
        ("stranger", "players", 403),
        (["coach"], "players", 403),
    ]:
        image_id = saved[directory].id
        record = httpx.get(f"{jwt_site.url}/api/records/{image_id}", headers=bearer(role))
        headers = sent(saved[directory], **bearer(role))
        image = httpx.get(f"{jwt_site.url}/my-images/{image_id}", headers=headers)
        upload = httpx.post(f"{jwt_site.url}/api/pictures/{directory}", content=picture(), headers=bearer(role))
        assert [record.status_code, image.status_code, upload.status_code] == [status] * 3
        if status == 200:
            assert record.headers["cache-control"] == "no-store"
            fresh = ImageRecord.parse(record.json())
            assert image_in(fresh, image) == picture()
    assert httpx.get(f"{jwt_site.url}/api/records/players:none", headers=bearer()).status_code == 404
    assert httpx.get(f"{jwt_site.url}/api/records/players", headers=bearer()).status_code == 403


def test_jwt_is_checked(jwt_site: Server) -> None:
    """A JWT that is expired, forged, unsigned or has no role gets 401, and none at all 401 or 403."""
    unsigned = jwt.encode({"role": "coach", "exp": int(time.time()) + 60}, "", "none")
    without_role = jwt.encode({"exp": int(time.time()) + 60}, JWT_KEY, "HS256")
    refused = [
        bearer(lives_s=-1),
        bearer(key="another-key-that-is-long-enough-for-sha256"),
        {"authorization": f"Bearer {unsigned}"},
        {"authorization": f"Bearer {without_role}"},
        {"authorization": "Bearer x"},
    ]
    for headers in refused:
        assert httpx.get(f"{jwt_site.url}/my-images/players:x", headers=headers).status_code == 401
    assert httpx.get(f"{jwt_site.url}/my-images/players:x").status_code in (401, 403)


def test_jwt_endpoint_is_the_only_way(jwt_site: Server) -> None:
    """The mount serves the browser client and no image. The endpoint frees the stream of a client that left."""
    answer = httpx.post(f"{jwt_site.url}/api/pictures/players", content=large_png(LARGE), headers=bearer())
    record = ImageRecord.parse(answer.json())
    mounted = httpx.get(f"{jwt_site.url}/pixstore-image/{record.id}", headers=sent(record, **bearer()))
    assert mounted.status_code == 403
    assert httpx.get(f"{jwt_site.url}/pixstore-image/-/client/index.js").status_code == 200
    without_proof = httpx.get(f"{jwt_site.url}/my-images/{record.id}", headers=bearer())
    assert decode_payload(without_proof.content).state is WireState.MISSING_PROOF
    assert leave_midway(jwt_site, f"/my-images/{record.id}", sent(record, **bearer())) == 1
    until_unused(jwt_site)
    assert "Traceback" not in jwt_site.log


def test_jwt_upload_given_up_is_no_error(jwt_site: Server) -> None:
    """A client that leaves in the middle of its upload leaves nothing in use; `running_site` finds no error logged."""
    host, port = jwt_site.url.removeprefix("http://").split(":")
    head = [
        "POST /api/pictures/players HTTP/1.1",
        f"host: {host}",
        f"authorization: {bearer()['authorization']}",
        "content-length: 6000000",
    ]
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + large_png(6_000_000)[:3_000_000])
        deadline = time.monotonic() + 20
        while not in_use(jwt_site):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    until_unused(jwt_site)


# Quart


@pytest.fixture(scope="module")
def quart_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(write_files(tmp_path_factory.mktemp("quart")), "quart_app") as site:
        yield site


def test_quart_endpoint(quart_site: Site) -> None:
    """An endpoint in Quart serves small and large images with a payload's headers, and HEAD without a body."""
    server = quart_site.server
    for image in (picture("webp"), large_png(3_000_000)):
        record = save(quart_site.folder, image)
        url = f"{server.url}/my-images/{record.id}"
        response = httpx.get(url, headers=sent(record, **BEARER))
        assert image_in(record, response) == image
        for name, value in {
            "cache-control": "no-store",
            "content-type": "application/octet-stream",
            "content-encoding": "identity",
            "x-content-type-options": "nosniff",
            "x-pixstore-state": "Success",
        }.items():
            assert response.headers[name] == value
        head = httpx.head(url, headers=sent(record, **BEARER))
        assert (head.content, head.headers["content-length"]) == (b"", response.headers["content-length"])
        assert httpx.get(url, headers=sent(record)).status_code == 403
        assert httpx.get(url, headers=BEARER).content == b"\x04"
    assert in_use(server) == 0


def test_quart_frees_what_a_client_left(quart_site: Site) -> None:
    """A client that leaves midway leaves nothing in use."""
    server, folder = quart_site
    record = save(folder, large_png(LARGE))
    assert leave_midway(server, f"/my-images/{record.id}", sent(record, **BEARER)) == 1
    until_unused(server)


# WebSocket


def over_socket(client: ClientConnection, request: object) -> bytes:
    client.send(request if isinstance(request, str | bytes) else json.dumps(request))
    size = int(client.recv())
    body = b""
    while len(body) < size:
        piece = client.recv()
        assert isinstance(piece, bytes)
        body += piece
    assert len(body) == size
    return body


def asked(record: ImageRecord, **more: object) -> dict[str, object]:
    return {"id": record.id, "token": record.token, "proof": record.stateless_proof, **more}


@pytest.fixture(scope="module")
def socket_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(write_files(tmp_path_factory.mktemp("socket")), "socket_app") as site:
        yield site


def test_websocket_answers_one_request_after_the_other(socket_site: Site) -> None:
    """On one connection: a large image, refusals, an Updated payload, each with its size before it."""
    server, folder = socket_site
    url = server.url.replace("http", "ws") + "/pictures"
    image = large_png(3_000_000)
    record = save(folder, image)
    with connect(url, max_size=None) as client:
        assert decode_payload(over_socket(client, asked(record))).state is WireState.SUCCESS
        changes: list[tuple[dict[str, object], WireState]] = [
            ({"id": "other"}, WireState.INVALID_PROOF),
            ({"id": ""}, WireState.MISSING_ID),
            ({"proof": ""}, WireState.MISSING_PROOF),
            ({"id": 5}, WireState.INVALID_PROOF),
            ({"token": None}, WireState.INVALID_PROOF),
            ({"proof": ["x"]}, WireState.INVALID_PROOF),
        ]
        for change, state in changes:
            assert over_socket(client, asked(record, **change)) == bytes([state])
        assert len(over_socket(client, asked(record))) == len(image) + 2
    until_unused(server)


@pytest.mark.parametrize("message", ["", "{", "[]", '"text"', "7", "{}", '{"id": "x", "token": 1}', b"\x00"])
def test_websocket_refuses_what_is_no_request(socket_site: Site, message: Any) -> None:
    """A message that is no request closes the connection with code 1008, and no error is logged."""
    with connect(socket_site.server.url.replace("http", "ws") + "/pictures") as client:
        client.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert "Traceback" not in socket_site.server.log


def test_websocket_frees_what_a_client_left(socket_site: Site) -> None:
    """A connection that is lost midway leaves nothing in use and no error in the log."""
    server, folder = socket_site
    record = save(folder, large_png(32_000_000))
    with connect(server.url.replace("http", "ws") + "/pictures", max_queue=1, close_timeout=0.1) as client:
        client.send(json.dumps(asked(record)))
        client.recv()
        assert in_use(server) == 1
        client.socket.shutdown(socket.SHUT_RDWR)
    until_unused(server)
    assert "Traceback" not in server.log


def test_websocket_gives_up_a_client_that_takes_nothing(tmp_path: Path) -> None:
    """A client that reads nothing holds its image for the recipe's limit and no longer, and no error is logged."""
    project = write_files(tmp_path)
    app = project / "socket_app.py"
    app.write_text(app.read_text().replace("asyncio.timeout(300)", "asyncio.timeout(0.5)"))
    with recipe(project, "socket_app") as server:
        record = save(project, large_png(32_000_000))
        with connect(server.url.replace("http", "ws") + "/pictures", max_queue=1, close_timeout=0.1) as client:
            client.send(json.dumps(asked(record)))
            client.recv()
            until_unused(server)
            assert client.state is State.OPEN
        assert "Traceback" not in server.log


# Litestar


@pytest.fixture(scope="module")
def litestar_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(write_files(tmp_path_factory.mktemp("litestar")), "litestar_app") as site:
        yield site


def test_litestar(litestar_site: Site) -> None:
    """Upload, fresh record, the mount, an endpoint of the application's own, the client's files, and the errors."""
    server = litestar_site.server
    for image in (picture("jpeg"), large_png(11_000_000)):
        saved = httpx.post(f"{server.url}/api/pictures", content=image, headers={"content-type": "image/png"})
        fresh = httpx.get(f"{server.url}/api/pictures/{saved.json()['id']}")
        for response in (saved, fresh):
            assert response.headers["cache-control"] == "no-store"
        record = ImageRecord.parse(fresh.json())
        assert set(record) == {"id", "token", "meta", "statelessProof", "proofExpiresAt"}
        for route in ("pixstore-image", "my-images"):
            url = f"{server.url}/{route}/{record.id}"
            assert image_in(record, httpx.get(url, headers=sent(record))) == image
            assert httpx.get(url).content == b"\x04"
    seals(server)
    assert httpx.get(f"{server.url}/pixstore-image").status_code == 400
    assert "getImage" in httpx.get(f"{server.url}/pixstore-image/-/client/index.js").text
    assert httpx.get(f"{server.url}/pixstore-image/-/ready").status_code == 200
    assert httpx.get(f"{server.url}/pixstore-image/-/ready/").status_code == 404
    assert httpx.get(f"{server.url}/api/pictures/nobody").status_code == 404
    refused = httpx.post(f"{server.url}/api/pictures", content=b"<html>")
    assert refused.status_code == 400
    assert "not an image of a format" in refused.json()["detail"]
    assert httpx.get(f"{server.url}/schema/openapi.json").json()["paths"]["/api/pictures"]["post"]
    assert in_use(server) == 0


def test_litestar_logs_no_aborted_upload(litestar_site: Site) -> None:
    """A client that leaves in the middle of its upload is no error of the server."""
    server = litestar_site.server
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /api/pictures HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n" + picture()[:50])
        httpx.get(f"{server.url}/pixstore-image/-/ready")
    assert httpx.get(f"{server.url}/pixstore-image/-/ready").status_code == 200
    assert "rror" not in server.log


@pytest.mark.parametrize("route", ["pixstore-image", "my-images"])
def test_litestar_frees_what_a_client_left(litestar_site: Site, route: str) -> None:
    """A client that leaves midway leaves nothing in use, below the mount and at the application's own endpoint."""
    server, folder = litestar_site
    record = save(folder, large_png(LARGE))
    assert leave_midway(server, f"/{route}/{record.id}", sent(record)) == 1
    until_unused(server)


# Django


PASSWORD = "the password of Ada"
SETUP = """
import django
from django.core.management import call_command

django.setup()
call_command("makemigrations", "mysite")
call_command("migrate")
from django.contrib.auth.models import User

User.objects.create_superuser("ada", password="the password of Ada")
"""


@pytest.fixture(scope="module")
def django_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = write_files(tmp_path_factory.mktemp("django"), django=True)
    environment = {"DJANGO_SETTINGS_MODULE": "mysite.settings", "PYTHONPATH": f"{folder}:{ROOT}"}
    subprocess.run([sys.executable, "-c", SETUP], cwd=folder, env={**os.environ, **environment}, check=True)
    with running_site(folder, "mysite.asgi", PIXSTORE_TEST_NO_DISK="1") as site:
        yield site


@pytest.fixture(scope="module")
def ada(django_site: Site) -> Iterator[httpx.Client]:
    """A browser in which Ada is signed in."""
    with httpx.Client(base_url=django_site.server.url, timeout=60) as http:
        http.get("/admin/login/")
        form = {"username": "ada", "password": PASSWORD, "next": "/"}
        assert http.post("/admin/login/", data=form, headers=csrf(http)).status_code == 302
        yield http


def csrf(http: httpx.Client) -> dict[str, str]:
    return {"x-csrftoken": http.cookies["csrftoken"], "referer": str(http.base_url)}


def test_django(django_site: Site, ada: httpx.Client) -> None:
    """In a new project: uploads by form and REST framework, records, the images' route, an own endpoint, the admin."""
    server = django_site.server
    for number, image in enumerate((picture("jpeg"), large_png(11_000_000))):
        files, data = {"picture": ("me.png" if number else "me.jpg", image)}, {"title": f"Photo {number}"}
        assert ada.post("/", data=data, files=files, headers=csrf(ada)).status_code == 302
    page = ada.get("/").text
    rows = ada.get("/api/photos/")
    assert rows.headers["cache-control"] == "no-store"
    for row, image in zip(rows.json(), (picture("jpeg"), large_png(11_000_000)), strict=True):
        record = ImageRecord.parse(row["picture"])
        assert f'src-id="{record.id}"' in page
        for route in ("pixstore-image", "my-images"):
            response = ada.get(f"/{route}/{record.id}", headers=sent(record))
            assert image_in(record, response) == image
            assert response.headers["cache-control"] == "no-store"
            assert httpx.get(f"{server.url}/{route}/{record.id}", headers=sent(record)).content == b"\x05"
    files = {"picture": ("me.png", picture())}
    saved = ada.post("/api/photos/", data={"title": "By API"}, files=files, headers=csrf(ada))
    assert saved.status_code == 201
    assert ada.post("/api/photos/", data={"title": "Without a token"}, files=files).status_code == 403
    assert httpx.get(f"{server.url}/api/photos/").status_code == 403
    seal = SealedPage()
    (_, _, row) = ada.get("/api/photos/", headers=seal.headers).json()
    assert seal.open(ImageRecord.parse(row["picture"])).id == saved.json()["picture"]["id"]
    admin = ada.get("/admin/mysite/photo/").text
    assert all(f'alt="{title}"' in admin for title in ("Photo 0", "Photo 1", "By API"))
    for style in re.findall(r'href="([^"]+[.]css)"', httpx.get(f"{server.url}/admin/login/").text):
        assert httpx.get(f"{server.url}{style}").status_code == 200
    refused = ada.post("/", data={"title": "GIF"}, files={"picture": ("me.gif", picture("gif"))}, headers=csrf(ada))
    assert "GIF is not among the image formats" in refused.text
    assert ada.post("/", files={"picture": bytes(40_000_000)}, headers=csrf(ada)).status_code == 413
    assert in_use(server) == 0
    assert "'lifespan' protocol appears unsupported" not in server.log


def test_django_frees_what_a_client_left(django_site: Site, ada: httpx.Client) -> None:
    """A client that leaves an own endpoint midway leaves nothing in use."""
    files = {"picture": ("me.png", large_png(LARGE))}
    saved = ada.post("/api/photos/", data={"title": "Large"}, files=files, headers=csrf(ada)).json()
    record, cookie = ImageRecord.parse(saved["picture"]), f"sessionid={ada.cookies['sessionid']}"
    server = django_site.server
    assert leave_midway(server, f"/my-images/{record.id}", sent(record, cookie=cookie)) == 1
    until_unused(server)
