"""The browser client's files: the content coding that a client gets, and its headers."""

import base64
import gzip
import hashlib
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from pixstore_asgi import Pixstore, PixstoreApp
from pixstore_asgi.asgi import client_files
from pixstore_asgi.errors import InputError
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import client
from tests.support.paths import ROOT
from tests.support.samples import SECRET

DIST = ROOT / "js_client" / "dist"
ENDINGS = {"br": ".br", "gzip": ".gz", "identity": ""}


class Sent(NamedTuple):
    """A response, its body as it went over the wire."""

    status: int
    headers: httpx.Headers
    body: bytes


@pytest.fixture
def app() -> PixstoreApp:
    return PixstoreApp(Pixstore(MemoryStore(), secret=SECRET))


async def ask(app: Any, *fields: tuple[str, str], path: str = "/-/client/index.js", method: str = "GET") -> Sent:
    async with client(app) as http:
        del http.headers["accept-encoding"]
        async with http.stream(method, path, headers=list(fields)) as response:
            return Sent(response.status_code, response.headers, b"".join([part async for part in response.aiter_raw()]))


def accepting(value: str) -> tuple[str, str]:
    return ("accept-encoding", value)


@pytest.mark.parametrize("coding", ENDINGS)
@pytest.mark.parametrize("name", ["index.js", "pixstore-worker.js"])
async def test_each_coding_is_the_file_that_was_built(app: PixstoreApp, name: str, coding: str) -> None:
    """A client that accepts one coding gets the build's bytes in it, with their length, as JavaScript. HEAD has the
    same headers.
    """
    built = DIST.joinpath(name + ENDINGS[coding]).read_bytes()
    got = await ask(app, accepting(coding), path=f"/-/client/{name}")
    assert (got.status, got.body) == (200, built)
    assert got.headers.get("content-encoding", "identity") == coding
    assert got.headers["content-length"] == str(len(built))
    assert got.headers["content-type"] == "text/javascript; charset=utf-8"
    assert got.headers["vary"] == "Accept-Encoding"
    assert got.headers["cache-control"] == "no-cache"
    head = await ask(app, accepting(coding), path=f"/-/client/{name}", method="HEAD")
    assert head == (200, got.headers, b"")


async def test_several_lines_of_the_header_are_one_list(app: PixstoreApp) -> None:
    """A client may spread its codings over lines; one that sends none gets the plain file."""
    spread = await ask(app, accepting("gzip"), accepting("br"))
    assert spread.headers["content-encoding"] == "br"
    silent = await ask(app)
    assert (silent.body, "content-encoding" in silent.headers) == (DIST.joinpath("index.js").read_bytes(), False)


async def test_a_client_that_takes_no_coding_is_told(app: PixstoreApp) -> None:
    """A client that refuses even the plain file gets 406, which no cache keeps. A missing file is 404 for it too."""
    refused = await ask(app, accepting("identity;q=0, deflate"))
    assert (refused.status, refused.headers["cache-control"], refused.body) == (406, "no-store", b"")
    assert (await ask(app, accepting("*;q=0"), path="/-/client/nothing.js")).status == 404


async def test_every_coding_has_an_etag_of_its_own(app: PixstoreApp) -> None:
    """A client that has these bytes gets 304, and one that has the bytes of another coding gets the file."""
    etags = {coding: (await ask(app, accepting(coding))).headers["etag"] for coding in ENDINGS}
    assert len(set(etags.values())) == len(ENDINGS)
    for coding in ENDINGS:
        for known, etag in etags.items():
            again = await ask(app, accepting(coding), ("if-none-match", etag))
            assert (again.status, bool(again.body)) == ((304, False) if known == coding else (200, True))
            assert (again.headers["etag"], again.headers["vary"]) == (etags[coding], "Accept-Encoding")
            assert again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        (["ETAG"], 304),
        (["W/ETAG"], 304),
        (['"other",ETAG'], 304),
        (['"other" , W/ETAG ,"more"'], 304),
        (['"other"', "ETAG"], 304),
        (["*"], 304),
        (['"other"'], 200),
        ([""], 200),
        (["w/ETAG"], 200),
    ],
)
async def test_if_none_match_is_a_list(app: PixstoreApp, if_none_match: list[str], status: int) -> None:
    """An ETag matches if a proxy made it weak, in a list, and in several lines."""
    etag = (await ask(app)).headers["etag"]
    fields = [("if-none-match", value.replace("ETAG", etag)) for value in if_none_match]
    assert (await ask(app, *fields)).status == status
    assert (await ask(app, *fields, method="HEAD")).status == status


async def test_the_etag_is_of_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines that installed the same have the same ETag, and a changed file of the same size and time another."""
    etags = []
    for folder, text in (("a", b"one"), ("b", b"one"), ("c", b"two")):
        directory = tmp_path / folder
        directory.mkdir()
        directory.joinpath("index.js").write_bytes(text)
        monkeypatch.setattr(client_files, "client_directory", lambda directory=directory: directory)
        etags.append((await ask(PixstoreApp(Pixstore(MemoryStore(), secret=SECRET)))).headers["etag"])
    assert etags[0] == etags[1] != etags[2]


@pytest.mark.parametrize(("missing", "coding"), [([".br"], "gzip"), ([".gz"], "br"), ([".br", ".gz"], None)])
async def test_what_was_not_compressed_comes_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: list[str], coding: str | None
) -> None:
    """Where the build left a coding out, the next best is served, in the end the plain file."""
    directory = shutil.copytree(DIST, tmp_path / "client")
    for ending in missing:
        directory.joinpath(f"index.js{ending}").unlink()
    monkeypatch.setattr(client_files, "client_directory", lambda: directory)
    got = await ask(PixstoreApp(Pixstore(MemoryStore(), secret=SECRET)), accepting("gzip, br"))
    assert (got.status, got.headers.get("content-encoding")) == (200, coding)
    assert got.body == directory.joinpath("index.js" + ENDINGS[coding or "identity"]).read_bytes()


@pytest.mark.parametrize("value", ["gzip", "gzip, br"])
async def test_a_hosts_compressing_middleware_compresses_nothing_twice(app: PixstoreApp, value: str) -> None:
    """Behind GZipMiddleware the client has one coding, the length of its body, and one Vary."""
    host = Starlette(routes=[Mount("/images", app)], middleware=[Middleware(GZipMiddleware, minimum_size=1)])
    got = await ask(host, accepting(value), path="/images/-/client/index.js")
    alone = await ask(app, accepting(value))
    assert (got.headers.get_list("content-encoding"), got.body) == (
        alone.headers.get_list("content-encoding"),
        alone.body,
    )
    assert got.headers.get_list("content-length") == [str(len(got.body))]
    assert got.headers.get_list("vary") == ["Accept-Encoding"]
    if value == "gzip":
        assert gzip.decompress(got.body) == DIST.joinpath("index.js").read_bytes()


@pytest.mark.parametrize("coding", ENDINGS)
@pytest.mark.parametrize("name", ["index.js", "pixstore-worker.js", "view.js"])
async def test_a_version_is_kept_for_a_year(app: PixstoreApp, name: str, coding: str) -> None:
    """Below its version each file has the same bytes as at its stable path, and is never revalidated."""
    path = app.client_path(name)
    assert re.fullmatch(rf"/-/client/[0-9a-f]{{16}}/{re.escape(name)}", path)
    stable = await ask(app, accepting(coding), path=f"/-/client/{name}")
    kept = await ask(app, accepting(coding), path=path)
    assert (kept.status, kept.body) == (200, stable.body)
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert {**kept.headers, "cache-control": "no-cache"} == dict(stable.headers)
    head = await ask(app, accepting(coding), path=path, method="HEAD")
    assert head == (200, kept.headers, b"")
    unchanged = await ask(app, accepting(coding), ("if-none-match", kept.headers["etag"]), path=path)
    assert (unchanged.status, unchanged.headers["cache-control"]) == (304, kept.headers["cache-control"])


async def test_each_file_has_its_hash(app: PixstoreApp) -> None:
    """A browser that checks the hash of a file accepts the served bytes, and there is a hash for each file."""
    hashes = app.client_integrity("/images")
    assert {path.rpartition("/")[2] for path in hashes} == {path.name for path in DIST.glob("*.js")} - {
        "service-worker.js"
    }
    for path, given in hashes.items():
        got = await ask(app, path=path.removeprefix("/images"))
        assert given == f"sha384-{base64.b64encode(hashlib.sha384(got.body).digest()).decode()}"
        assert path.removeprefix("/images") == app.client_path(path.rpartition("/")[2])


async def test_another_hosts_version_gets_this_ones_files(app: PixstoreApp) -> None:
    """While a deployment rolls, a page of another version gets files that work, and asks for them again next time."""
    got = await ask(app, path="/-/client/0123456789abcdef/index.js")
    assert (got.status, got.headers["cache-control"]) == (200, "no-cache")
    assert got.body == DIST.joinpath("index.js").read_bytes()


@pytest.mark.parametrize(
    "folder",
    ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg", "VERSION/VERSION", ".."],
)
async def test_what_is_no_version_is_no_folder(app: PixstoreApp, folder: str) -> None:
    """Any other folder is 404, and so is a version alone."""
    version = app.client_path().split("/")[3]
    path = f"/-/client/{folder.replace('VERSION', version)}/index.js"
    assert (await ask(app, path=path)).status == 404
    for name in (version, f"{version}/", f"{version}/nothing.js", f"{version}/index.js.br"):
        assert (await ask(app, path=f"/-/client/{name}")).status == 404


async def test_the_version_is_of_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installations of the same files have one version; a change of any file or name, by one byte, makes another."""
    versions = []
    for folder, files in enumerate(
        [
            {"index.js": b"one", "view.js": b"two"},
            {"view.js": b"two", "index.js": b"one"},
            {"index.js": b"one", "view.js": b"twO"},
            {"index.js": b"one", "views.js": b"two"},
            {"index.js": b"on", "view.js": b"etwo"},
        ]
    ):
        directory = tmp_path / str(folder)
        directory.mkdir()
        for name, text in files.items():
            directory.joinpath(name).write_bytes(text)
        monkeypatch.setattr(client_files, "client_directory", lambda directory=directory: directory)
        versions.append(PixstoreApp(Pixstore(MemoryStore(), secret=SECRET)).client_path())
    assert versions[0] == versions[1]
    assert len(set(versions)) == 4


def test_a_name_that_no_file_has_is_told(app: PixstoreApp) -> None:
    """A template that names no file fails where it is made, not in the visitor's browser."""
    with pytest.raises(InputError, match=r"no file 'indx.js'; there are .*index.js, pixstore-worker.js"):
        app.client_path("indx.js")


async def test_below_a_mount_the_path_is_relative_to_it(app: PixstoreApp) -> None:
    """The mount's own path goes before it, by hand or by the host's url_for."""
    host = Starlette(routes=[Mount("/images", app, name="images")])
    path = f"/images{app.client_path()}"
    assert host.url_path_for("images", path=app.client_path()) == path
    assert (await ask(host, path=path)).headers["cache-control"].endswith("immutable")
