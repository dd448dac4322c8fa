"""The recipe with owners and a cookie session: access to pictures, and the state after a failure."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from pixstore_asgi import ImageRecord, Pixstore
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.batches import image_in as image_in_frame
from tests.support.paths import ROOT
from tests.support.recipes import image_in, recipe, sent, write_files
from tests.support.samples import SECRET, picture
from tests.support.servers import Server

pytestmark = pytest.mark.servers

SESSION_KEY = "a-key-for-the-tests-of-the-session-cookie-0123456789"
NO_ROWS = "CREATE TRIGGER refuse BEFORE INSERT ON picture BEGIN SELECT RAISE(ABORT, 'no rows today'); END"
CLIENT = "/pixstore-image/-/client/index.js"
IN_NODE = """
import { initPixstoreFrontend } from "/pixstore-image/-/client/index.js";

const [site, cookie, ...ids] = process.argv.slice(2);
const send = globalThis.fetch;
globalThis.fetch = (path, { headers, ...options } = {}) =>
  send(new URL(path, site), { ...options, headers: { ...headers, cookie } });
initPixstoreFrontend({ endpoint: "/pixstore-image" });
const shown = {};
await showPictures((id, blob, error) => (shown[id] = blob?.size ?? error.message));
const records = await Promise.all([...ids, "nobody"].map((id) => refreshRecord(id)));
console.log(JSON.stringify({ shown, refreshed: records.map((record) => record?.id ?? null) }));
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_files(tmp_path)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with recipe(write_files(tmp_path_factory.mktemp("owners")), "owners_app", SESSION_KEY=SESSION_KEY) as server:
        yield server


@pytest.fixture
def site(shared_site: Server) -> Server:
    """The application that most tests share, without pictures and with nothing audited."""
    project = folder_of(shared_site)
    rows(project / "pixstore.db", "DELETE FROM image")
    for table in ("picture", "issued"):
        rows(project / "owners.db", f"DELETE FROM {table}")
    return shared_site


def folder_of(site: Server) -> Path:
    return site.log_file.parent


def signed_in(site: Server, user: str) -> httpx.Client:
    """Return a client with requests that carry a user's cookie, which a browser sends only over HTTPS."""
    cookie = httpx.post(f"{site.url}/api/sign-in/{user}").headers["set-cookie"]
    value, *attributes = cookie.split("; ")
    assert {"httponly", "secure", "samesite=lax"} <= {attribute.lower() for attribute in attributes}
    return httpx.Client(base_url=site.url, headers={"cookie": value}, timeout=60)


def upload(http: httpx.Client, image: bytes) -> str:
    image_id: str = http.post("/api/pictures", content=image).raise_for_status().json()
    return image_id


def records(http: httpx.Client, *ids: str) -> list[ImageRecord]:
    response = http.get("/api/records", params={"id": ids}).raise_for_status()
    assert response.headers["cache-control"] == "no-store"
    return [ImageRecord.parse(record) for record in response.json()]


def rows(database: Path, statement: str) -> list[Any]:
    """Run a statement in one of the databases, beside the application."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        return db.execute(statement).fetchall()


def images(project: Path) -> list[str]:
    return [row[0] for row in rows(project / "pixstore.db", "SELECT id FROM image WHERE blob IS NOT NULL ORDER BY id")]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run_sweep(project: Path, *arguments: str) -> list[str]:
    """Run the recipe's sweep as a process of its own and return its lines."""
    paths = {"PYTHONPATH": f"{project}:{ROOT}", "SESSION_KEY": SESSION_KEY, "PIXSTORE_SECRET": SECRET}
    command = [sys.executable, "owners_sweep.py", *arguments]
    done = subprocess.run(command, cwd=project, env={**os.environ, **paths}, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().splitlines()


@pytest.fixture
def in_project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], Any]]:
    """Yield a function that imports a module of a project into this process."""

    def import_it(project: Path, name: str) -> Any:
        monkeypatch.chdir(project)
        monkeypatch.syspath_prepend(project)
        monkeypatch.setenv("SESSION_KEY", SESSION_KEY)
        monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
        return import_module(name)

    yield import_it
    for name in ("owners_sweep", "owners_app"):
        sys.modules.pop(name, None)


@pytest.fixture
def sweep(in_project: Callable[[Path, str], Any], capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Yield a function that runs the recipe's sweep in this process and returns its lines."""

    def sweep_it(project: Path, *, delete: bool = False) -> list[str]:
        module = in_project(project, "owners_sweep")
        capsys.readouterr()
        asyncio.run(module.main(delete=delete))
        return capsys.readouterr().out.splitlines()

    return sweep_it


@contextlib.contextmanager
def locked(project: Path, lock: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Hold a lock of the table's database: that of writers, for which every upload's row waits, or another."""
    with contextlib.closing(sqlite3.connect(project / "owners.db", isolation_level=None)) as db:
        for statement in lock.split("; "):
            db.execute(statement).fetchall()
        yield


# Who is given what


def test_an_owner_gets_records_and_images(site: Server) -> None:
    """A user gets the records of own uploads, newest first, by id or by page, and reads the pictures with them."""
    with signed_in(site, "ada") as ada:
        first = upload(ada, picture("png"))
        second = upload(ada, picture("webp"))
        assert [record.id for record in records(ada, first)] == [first]
        assert {record.id for record in records(ada, first, second, "nobody")} == {first, second}
        newest, oldest = records(ada)
        assert {newest.id, oldest.id} == {first, second}
        for record, image in ((newest, picture("webp")), (oldest, picture("png"))):
            assert image_in(record, ada.get(f"/pixstore-image/{record.id}", headers=sent(record))) == image
        assert ada.get("/api/records", params={"page": 1}).json() == []
        assert ada.get("/api/records", params={"page": -1}).status_code == 422
        assert ada.post("/api/pictures", content=b"<html>").status_code == 400


def test_a_batch_is_answered_image_by_image(site: Server) -> None:
    """One request for several images gives the user's own, and 403 in place of another's."""
    with signed_in(site, "ada") as ada, signed_in(site, "bob") as bob:
        shown = {upload(ada, picture("png", seed=seed)): picture("png", seed=seed) for seed in range(3)}
        own = records(ada)
        upload(bob, picture())
        (foreign,) = records(bob)
        answer = ada.post("/pixstore-image/-/batch", content=body_of(*map(entry_of, [*own, foreign])))
        *frames, refused = frames_of(answer.content)
        assert refused[:2] == (3, 403)
        assert [status for _, status, _ in frames] == [200] * 3
        assert {own[index].id: image_in_frame(body, own[index]) for index, _, body in frames} == shown


def test_nobody_else_gets_a_record_or_an_image(site: Server) -> None:
    """Another user gets no record, no image with a stolen one, and deletes nothing; without a session nothing works."""
    begun = len(site.log)
    with signed_in(site, "ada") as ada, signed_in(site, "bob") as bob, httpx.Client(base_url=site.url) as nobody:
        image_id = upload(ada, picture())
        (stolen,) = records(ada)
        assert records(bob, image_id) == records(bob) == []
        assert bob.delete(f"/api/pictures/{image_id}").status_code == 404
        for stranger in (bob, nobody):
            assert stranger.get(f"/pixstore-image/{image_id}", headers=sent(stolen)).status_code == 403
        for method, path in [
            ("GET", "/api/records"),
            ("POST", "/api/pictures"),
            ("DELETE", f"/api/pictures/{image_id}"),
        ]:
            assert nobody.request(method, path).status_code == 401
        assert len(records(ada)) == 1
        assert "Traceback" not in site.log[begun:]


def test_a_deleted_picture_is_gone(site: Server) -> None:
    """After a delete neither row, image nor record is there, and the record from before gets 403."""
    project = folder_of(site)
    with signed_in(site, "ada") as ada:
        image_id = upload(ada, picture())
        (record,) = records(ada)
        assert ada.delete(f"/api/pictures/{image_id}").status_code == 204
        assert ada.get(f"/pixstore-image/{image_id}", headers=sent(record)).status_code == 403
        assert records(ada, image_id) == []
        assert images(project) == rows(project / "owners.db", "SELECT id FROM picture") == []


def test_the_audit_has_a_row_for_each_record(site: Server) -> None:
    """The audit has the user, version and time of each record. Key and proof are nowhere in its database."""
    project = folder_of(site)
    with signed_in(site, "ada") as ada, signed_in(site, "bob") as bob:
        begun = time.time_ns() // 1_000_000
        handed_out = [record for _ in range(2) if upload(ada, picture()) for record in records(ada)]
        records(bob)
    issued = rows(project / "owners.db", "SELECT image_id, token, owner, at_ms FROM issued ORDER BY number")
    assert [row[:3] for row in issued] == [(record.id, record.token, "ada") for record in handed_out]
    assert all(begun <= row[3] <= begun + 60_000 for row in issued)
    kept = (project / "owners.db").read_bytes() + repr(issued).encode()
    for record in handed_out:
        for secret in (record.key, record["meta"]["key"].encode(), record.stateless_proof.encode()):
            assert secret not in kept


def test_the_page_shows_the_owners_pictures(site: Server, node_path: str) -> None:
    """The page's module, run by Node with a cookie, fetches records and a batch, and refreshes one record or none."""
    project, begun = folder_of(site), len(site.log)
    with signed_in(site, "ada") as ada:
        sizes = {upload(ada, image): len(image) for image in (picture("png"), picture("webp"), picture("jpeg"))}
        module = (project / "owner-pictures.js").read_text() + IN_NODE
        page = project / "page.mjs"
        page.write_text(module.replace(CLIENT, str(ROOT / "js_client" / "dist" / "index.js")))
        command = [node_path, str(page), site.url, ada.headers["cookie"], *sizes]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60)
    assert json.loads(done.stdout) == {"shown": sizes, "refreshed": [*sizes, None]}
    assert site.log[begun:].count("POST /pixstore-image/-/batch") == 1


# What is left where something breaks off


def test_a_failed_row_leaves_no_picture(site: Server) -> None:
    """Where the row can't be written the upload fails, and the picture that was saved before it is deleted."""
    project, begun = folder_of(site), len(site.log)
    rows(project / "owners.db", NO_ROWS)
    with signed_in(site, "ada") as ada:
        assert ada.post("/api/pictures", content=picture()).status_code == 500
        until(lambda: "no rows today" in site.log[begun:])
        assert images(project) == []
        assert rows(project / "pixstore.db", "SELECT count(*) FROM image") == [(1,)]  # it was saved
        rows(project / "owners.db", "DROP TRIGGER refuse")
        image_id = upload(ada, picture())
        assert images(project) == [image_id]


@pytest.fixture
async def owners(project: Path, in_project: Callable[[Path, str], Any]) -> AsyncIterator[Any]:
    """Yield the application's module, running in this process."""
    module = in_project(project, "owners_app")
    async with module.lifespan(module.app), module.pix:
        yield module


def commit_waits(project: Path) -> bool:
    """Tell whether a commit waits for readers to end: no new one may begin then."""
    with contextlib.closing(sqlite3.connect(project / "owners.db", timeout=0)) as db:
        try:
            db.execute("SELECT id FROM picture").fetchall()
        except sqlite3.OperationalError:
            return True
    return False


@pytest.mark.parametrize("cancels", ["task", "scope"])
@pytest.mark.parametrize(
    ("lock", "is_late"),
    [("BEGIN IMMEDIATE", False), ("BEGIN; SELECT id FROM picture", True)],
    ids=["row", "commit"],
)
async def test_a_cancelled_upload_leaves_nothing(
    owners: Any, project: Path, monkeypatch: pytest.MonkeyPatch, lock: str, is_late: bool, cancels: str
) -> None:
    """An upload that is cancelled while its row is written, by task or scope, leaves neither picture nor row."""
    scope = anyio.CancelScope()
    saved = asyncio.Event()
    save_image = owners.pix.save_image

    async def save_it(data: object) -> ImageRecord:
        record: ImageRecord = await save_image(data)
        saved.set()
        return record

    async def upload_it() -> None:
        with scope:
            await owners.upload("ada", picture())

    monkeypatch.setattr(owners.pix, "save_image", save_it)
    with locked(project, lock):
        task = asyncio.create_task(upload_it())
        # Others see the picture earlier than this task has its id; what is cancelled in between is the sweep's.
        await saved.wait()
        if is_late:
            await anyio.to_thread.run_sync(until, lambda: commit_waits(project))
        (task if cancels == "task" else scope).cancel()
        await asyncio.sleep(0)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert images(project) == rows(project / "owners.db", "SELECT id FROM picture") == []


def test_the_sweep_finds_what_a_kill_left(project: Path, sweep: Callable[..., list[str]]) -> None:
    """A picture of a process that died before its row was written is deleted, once it is older than any upload."""
    with recipe(project, "owners_app", SESSION_KEY=SESSION_KEY) as site, signed_in(site, "ada") as ada:
        kept = upload(ada, picture())
        with locked(project):
            uploading = threading.Thread(target=_post_and_lose, args=(ada,))
            uploading.start()
            until(lambda: len(images(project)) == 2)
            site.stop(signal.SIGKILL)
            uploading.join()
    (orphan,) = set(images(project)) - {kept}
    assert sweep(project, delete=True) == []  # it might be an upload in progress
    assert set(images(project)) == {kept, orphan}
    rows(project / "pixstore.db", "UPDATE image SET created_ms = created_ms - 7200000")
    assert sweep(project) == [f"picture without a row: {orphan}"]
    assert set(images(project)) == {kept, orphan}
    assert sweep(project, delete=True) == [f"picture without a row: {orphan}"]
    assert images(project) == [kept]
    assert sweep(project, delete=True) == []


def _post_and_lose(http: httpx.Client) -> None:
    with pytest.raises(httpx.TransportError):
        http.post("/api/pictures", content=picture("webp"))


def test_the_sweep_spares_an_upload_in_progress(project: Path) -> None:
    """An upload that waits for its row while a sweep runs is complete afterwards."""
    app = project / "owners_app.py"  # its row waits for as long as a process takes to start on a machine under load
    app.write_text(app.read_text().replace("///owners.db", "///owners.db?timeout=60"))
    with recipe(project, "owners_app", SESSION_KEY=SESSION_KEY) as site, signed_in(site, "ada") as ada:
        with locked(project):
            uploading = threading.Thread(target=upload, args=(ada, picture()))
            uploading.start()
            until(lambda: images(project))
            assert run_sweep(project, "--delete") == []
        uploading.join()
        (record,) = records(ada)
        assert image_in(record, ada.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture()


async def save_pictures(project: Path, count: int) -> list[str]:
    """Save pictures from this process, without rows."""
    async with Pixstore(project / "pixstore.db", secret=SECRET) as pix:
        return [(await pix.save_image(picture())).id for _ in range(count)]


def test_the_sweep_reports_rows_without_a_picture(site: Server, sweep: Callable[..., list[str]]) -> None:
    """A settled row without its picture is reported and kept. More pictures than one page are listed and searched."""
    project = folder_of(site)
    with start_blocking_portal() as portal:
        ids = portal.call(save_pictures, project, 101)
    values = ", ".join(f"('{image_id}', 'ada', {number})" for number, image_id in enumerate(ids))
    rows(project / "owners.db", f"INSERT INTO picture VALUES {values}")
    with signed_in(site, "ada") as ada:
        assert [len(ada.get("/api/records", params={"page": page}).json()) for page in range(3)] == [50, 50, 1]
        assert len(records(ada, *ids[:100])) == 100
        rows(project / "owners.db", "INSERT INTO picture VALUES ('lost', 'ada', 1), ('just now', 'ada', 1 << 60)")
        assert sweep(project, delete=True) == ["row without a picture: lost"]
        assert set(images(project)) == set(ids)
        assert rows(project / "owners.db", "SELECT count(*) FROM picture") == [(103,)]
