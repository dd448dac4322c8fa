"""URLs of plain `<img>`: the service worker's file, and the answer to pages without the worker."""

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from pixstore_asgi import ConfigError, Pixstore, PixstoreApp, PixstoreMiddleware
from pixstore_asgi.asgi import client_files
from pixstore_asgi.errors import InputError
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import client
from tests.support.requests import headers
from tests.support.samples import SECRET, picture

WORKER = "/-/client/service-worker.js"


@pytest.fixture
def client_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client with files that differ in their names."""
    for name in ("index.js", "service-worker.js", "service-worker.js.br"):
        (tmp_path / name).write_text(f"// {name}")
    monkeypatch.setattr(client_files, "client_directory", lambda: tmp_path)
    return tmp_path


def app_with(**options: Any) -> PixstoreApp:
    return PixstoreApp(Pixstore(MemoryStore(), secret=SECRET), **options)


@pytest.mark.usefixtures("client_directory")
@pytest.mark.parametrize("scope", ["/", "/app/", "/app/%C3%BC/~me:1"])
async def test_the_worker_comes_with_the_scope_that_it_may_have(scope: str) -> None:
    """Its file is JavaScript, never kept without asking, and says which pages it may control, in a 304 too."""
    async with client(app_with(service_worker_scope=scope)) as http:
        got = await http.get(WORKER, headers={"accept-encoding": "identity"})
        unchanged = await http.get(
            WORKER, headers={"accept-encoding": "identity", "if-none-match": got.headers["etag"]}
        )
        other = await http.get("/-/client/index.js")
    assert (got.status_code, got.text, unchanged.status_code) == (200, "// service-worker.js", 304)
    assert got.headers["content-type"] == "text/javascript; charset=utf-8"
    for each in (got, unchanged):
        assert each.headers["service-worker-allowed"] == scope
        assert each.headers["cache-control"] == "no-cache"
    assert "service-worker-allowed" not in other.headers


@pytest.mark.usefixtures("client_directory")
async def test_without_a_scope_there_is_no_worker() -> None:
    """By default neither its file nor an answer to image URLs is there: the paths are as any other that is not."""
    async with client(app_with()) as http:
        for path in (WORKER, "/-/image/some-id"):
            got = await http.get(path)
            assert (got.status_code, got.content, got.headers["cache-control"]) == (404, b"", "no-store")


@pytest.mark.usefixtures("client_directory")
async def test_the_worker_has_no_version() -> None:
    """It is at its stable path alone, where browsers ask for a newer one; no template can name another."""
    app = app_with(service_worker_scope="/")
    version = app.client_path().split("/")[3]
    async with client(app) as http:
        for folder in (version, "0123456789abcdef"):
            assert (await http.get(f"/-/client/{folder}/service-worker.js")).status_code == 404
    with pytest.raises(InputError):
        app.client_path("service-worker.js")


@pytest.mark.parametrize("scope", ["", "app/", "https://app.example/", "/a b", "/ü", "/a\r\nset-cookie: a=b", 1, b"/"])
def test_what_is_no_path_is_no_scope(scope: Any) -> None:
    """A scope that browsers would refuse, or that could break out of its header, is refused at the start."""
    with pytest.raises(ConfigError, match='service_worker_scope must be a path as it stands in a URL, such as "/"'):
        app_with(service_worker_scope=scope)


@pytest.mark.parametrize(
    "path", ["", "some-id", "some:id~thumb", "..%2F..%2Fx", "%FF", "a" * 5000, "<script>alert(1)</script>"]
)
async def test_a_page_without_the_worker_is_told(path: str) -> None:
    """Every path gets the same text, which repeats nothing of the request, runs nowhere and is not cached."""
    async with client(app_with(service_worker_scope="/")) as http:
        got = await http.get(f"/-/image/{path}")
        head = await http.head(f"/-/image/{path}")
    assert got.status_code == 404
    assert "not controlled by the image worker" in got.text
    assert "script" not in got.text
    assert {name: got.headers[name] for name in HEADERS} == HEADERS
    assert (head.status_code, head.content, head.headers) == (404, b"", got.headers)


HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "sandbox; default-src 'none'",
    "content-type": "text/plain; charset=utf-8",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


async def test_image_urls_serve_nothing_and_take_no_other_method(pix: Pixstore) -> None:
    """A good proof opens nothing there, and nothing can be sent there."""
    record = await pix.save_image(picture())
    async with client(PixstoreApp(pix, service_worker_scope="/")) as http:
        assert (await http.get(f"/-/image/{record.id}", headers=headers(record))).status_code == 404
        for method in ("POST", "PUT", "DELETE"):
            assert (await http.request(method, f"/-/image/{record.id}")).status_code == 405


@pytest.mark.usefixtures("client_directory")
async def test_mount_and_middleware_have_it_alike() -> None:
    """The option is that of both, and the paths are below either."""
    pix = Pixstore(MemoryStore(), secret=SECRET)
    mounted = Starlette(routes=[Mount("/pixstore-image", PixstoreApp(pix, service_worker_scope="/"))])
    for app in (mounted, PixstoreMiddleware(Starlette(), pix, service_worker_scope="/")):
        async with client(app) as http:
            assert (await http.get(f"/pixstore-image{WORKER}")).headers["service-worker-allowed"] == "/"
            assert "not controlled" in (await http.get("/pixstore-image/-/image/some-id")).text
