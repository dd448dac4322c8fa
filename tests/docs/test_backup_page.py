"""backup.md and moving-stores.md: their steps in order, with a running host, a real PostgreSQL and a real bucket."""

import asyncio
import contextlib
import getpass
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import ImageRecord, Pixstore
from tests.deployment.behind_nginx import address_of
from tests.support.console import Shell, section_of, steps_of
from tests.support.hosts import STOPPED, Host, running_hosts
from tests.support.paths import DOCS
from tests.support.postgres import Cluster
from tests.support.requests import headers
from tests.support.s3 import S3Server
from tests.support.samples import SECRET, large_png, picture

pytestmark = [pytest.mark.servers, pytest.mark.slow]

BACKUP = (DOCS / "backup.md").read_text()
MOVING = (DOCS / "moving-stores.md").read_text()
IMAGES = 12


@pytest.fixture
def databases(postgres: Cluster) -> Iterator[dict[str, str]]:
    """The pages' databases in PostgreSQL, and the URLs of empty ones for them; outputs have no user."""
    names = ("pictures", "restored")
    urls = {f"postgresql://pictures@db/{name}": postgres.create(f"{name}_of_backup_page") for name in names}
    yield urls | {there.replace("pictures@", ""): re.sub("//.*@", "//", url) for there, url in urls.items()}
    for name in names:
        postgres.run(f"DROP DATABASE {name}_of_backup_page WITH (FORCE)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("pictures", "staging"):
        (tmp_path / name).mkdir()
    return tmp_path


async def fill(store: str, blobs: str | None = None) -> None:
    async with Pixstore(store, blobs=blobs, secret=SECRET) as pix:
        for seed in range(IMAGES):
            await pix.save_image(picture(seed=seed))


class Operator:
    """A shell of one host: the pages' paths and URLs lead to this test's, and `systemctl` starts and stops the host."""

    def __init__(self, folder: Path, host: Host, instead: dict[str, str]) -> None:
        self.host = host
        self._settings = folder / "store.env"
        self._settings.write_text(f"STORE={folder}/pictures/pixstore.db\n")
        paths = {
            "/var/lib/pictures": f"{folder}/pictures",
            "-o pictures": f"-o {getpass.getuser()}",  # this machine has no such user
            "/backup": f"{folder}/backup",
            "/srv/staging": f"{folder}/staging",
            "/etc/pictures/store.env": str(self._settings),
            "127.0.0.1:8000": address_of(host),
        }
        environment = {"PIXSTORE_SECRET": SECRET, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        handlers = {"systemctl": self._systemctl}
        self.shell = Shell(folder, environment=environment, instead=paths | instead, handlers=handlers)

    def _systemctl(self, arguments: Sequence[str]) -> str:
        command, service = arguments
        assert service == "pictures"
        if command == "stop":
            assert self.host.stop(timeout_s=60) in STOPPED, self.host.log
        else:
            assert command == "start"
            self.host.environment["PIXSTORE_TEST_DB"] = self._settings.read_text().strip().removeprefix("STORE=")
            self.host.start()
        return ""

    def save(self, number: int) -> list[ImageRecord]:
        """Save images through the host."""
        answers = [httpx.post(f"{self.host.url}/images", content=picture(seed=100 + n)) for n in range(number)]
        return [ImageRecord.parse(answer.raise_for_status().json()) for answer in answers]

    def state_of(self, record: ImageRecord) -> str:
        """Ask the host for an image, with a record that it gave out before."""
        answer = httpx.get(f"{self.host.url}/pixstore-image/{record.id}", headers=headers(record))
        return answer.headers["x-pixstore-state"]


@pytest.fixture
def sqlite_host(folder: Path) -> Iterator[Host]:
    path = f"{folder}/pictures/pixstore.db"
    asyncio.run(fill(path))
    with running_hosts(folder, {"PIXSTORE_TEST_DB": path, "PIXSTORE_SECRET": SECRET}, number=1) as (host,):
        yield host


def test_a_sqlite_store_is_backed_up_and_restored(folder: Path, sqlite_host: Host) -> None:
    """While the host runs it is backed up; restored is the state of the backup, once the host is stopped."""
    operator = Operator(folder, sqlite_host, {})
    with operator.shell as shell:
        shell.follow(section_of(BACKUP, "Back up a SQLite store"))
        assert (folder / "backup").stat().st_mode & 0o777 == 0o700
        (later,) = operator.save(1)
        restoring = section_of(BACKUP, "Restore a SQLite store")
        (command,) = [step.command for step in steps_of(restoring) if step.command.startswith("pixstore-asgi restore")]
        assert shell.run(command)[0] == 1  # the host has it open
        assert operator.state_of(later) == "Success"
        shell.follow(restoring)
        assert operator.state_of(later) == "NotFound"


def test_a_store_with_a_folder_is_backed_up_and_restored(folder: Path) -> None:
    """Three of the images are files. They are linked into the backup, and are there when it is restored."""
    (folder / "backup").mkdir()
    store, blobs = folder / "pictures" / "pixstore.db", folder / "pictures" / "bodies"

    async def fill_both() -> None:
        async with Pixstore(store, blobs=blobs, secret=SECRET) as pix:
            for number in range(IMAGES):
                await pix.save_image(large_png(1_100_000) if number < 3 else picture(seed=number))

    asyncio.run(fill_both())
    environment = {"PIXSTORE_SECRET": SECRET, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    instead = {"/var/lib/pictures": f"{store.parent}", "/backup": f"{folder}/backup"}
    handlers = {"systemctl": lambda arguments: ""}
    with Shell(folder, environment=environment, instead=instead, handlers=handlers) as shell:
        shell.follow(section_of(BACKUP, "Back up a store with a folder"))


class Litestream:
    """Runs the page's `litestream` commands; `replicate` goes on beside the others until `stop`."""

    def __init__(self) -> None:
        self._program = str(Path(sys.executable).with_name("litestream"))
        self._replicated: list[str] = []
        self._service: subprocess.Popen[bytes] | None = None

    def __call__(self, arguments: Sequence[str]) -> str:
        command, *others = arguments
        if command == "replicate":
            self._replicated = others
            self._service = subprocess.Popen([self._program, *arguments], stdout=subprocess.DEVNULL)
        else:
            self._run(*arguments)
        return ""

    def stop(self) -> None:
        assert self._service
        self._service.terminate()
        self._service.wait(60)
        self._run("replicate", "-once", *self._replicated)  # the changes of the last second

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._program, *arguments], capture_output=True, check=True, timeout=60)


def test_a_store_is_replicated_by_litestream(folder: Path) -> None:
    """Images saved before and during the replication are whole in a store made from Litestream's copy and the files."""
    (folder / "backup").mkdir()
    store, blobs = folder / "pictures" / "pixstore.db", folder / "pictures" / "bodies"
    litestream = Litestream()
    environment = {"PIXSTORE_SECRET": SECRET, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    instead = {"/var/lib/pictures": f"{store.parent}", "/backup": f"{folder}/backup"}
    replicate, copy, *restore = steps_of(section_of(BACKUP, "Replicate with Litestream"))

    async def save_half(pix: Pixstore) -> None:
        for number in range(IMAGES // 2):
            await pix.save_image(large_png(1_100_000) if number < 3 else picture(seed=number))

    async def save_and_replicate(shell: Shell) -> None:
        async with Pixstore(store, blobs=blobs, secret=SECRET) as pix:
            await save_half(pix)
            shell.do(replicate)
            await save_half(pix)
            shell.do(copy)
            litestream.stop()

    with Shell(folder, environment=environment, instead=instead, handlers={"litestream": litestream}) as shell:
        asyncio.run(save_and_replicate(shell))
        shutil.rmtree(store.parent)
        store.parent.mkdir()
        for step in restore:
            shell.do(step)


def test_each_night_leaves_a_verified_backup(folder: Path) -> None:
    """The page's script replaces the backup of last week, but by none that does not verify."""
    ((script),) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", BACKUP, re.DOTALL)
    (folder / "backup").mkdir()
    store, settings = folder / "pictures" / "pixstore.db", folder / "secret.env"
    settings.write_text(f'PIXSTORE_SECRET="{SECRET}"\n')
    for there, here in {
        "/etc/pictures/secret.env": settings,
        "/srv/pictures/.venv/bin": Path(sys.executable).parent,
        "/var/lib/pictures": store.parent,
        "/backup": folder / "backup",
    }.items():
        script = script.replace(there, str(here))

    def codes() -> list[int]:
        command, environment = ["sh", "-c", script], {**os.environ, "LC_ALL": "C"}
        return [subprocess.run(command, env=environment, check=False).returncode for _ in range(2)]

    asyncio.run(fill(str(store)))
    for ending in ("", "-wal", "-shm", ".lock"):  # a killed run may leave them
        (folder / "backup" / f"new.db{ending}").write_bytes(b"left")
    assert codes() == [0, 0]
    (backup,) = [path for path in (folder / "backup").iterdir() if path.suffix == ".db"]
    assert backup.stem.endswith("day")
    before = backup.stat().st_mtime_ns
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE chunk SET data = zeroblob(length(data)) WHERE id = (SELECT min(id) FROM chunk)")
    assert codes() == [1, 1]
    assert backup.stat().st_mtime_ns == before


def test_postgresql_and_a_bucket_are_one_file(folder: Path, databases: dict[str, str], s3: S3Server) -> None:
    """Rows and bodies go to one file and into another database and prefix."""
    buckets = {f"s3://pictures/{name}": s3.url(f"kept-{name}") for name in ("live", "restored")}
    store = databases["postgresql://pictures@db/pictures"]
    (folder / "backup").mkdir()
    asyncio.run(fill(store, buckets["s3://pictures/live"]))
    environment = {"PIXSTORE_SECRET": SECRET, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    quoted = {there: f"'{url}'" for there, url in buckets.items()}
    instead = {**databases, **quoted, "/backup": f"{folder}/backup"}
    with Shell(folder, environment=environment, instead=instead) as shell:
        for heading in ("Back up PostgreSQL or a bucket", "Restore into PostgreSQL or a bucket"):
            shell.follow(section_of(BACKUP, heading))
    assert len(s3.names("kept-restored")) == IMAGES


def test_a_store_is_moved_and_moved_back(folder: Path, sqlite_host: Host, databases: dict[str, str]) -> None:
    """By the page's steps no image and no record is lost, neither on the way to PostgreSQL nor back to the old file."""
    operator = Operator(folder, sqlite_host, databases)
    with operator.shell as shell:
        before, _, after = section_of(MOVING, "Steps").partition("\n3. ")
        shell.follow(before)
        records = operator.save(1)
        shell.follow(after)
        shell.follow(section_of(MOVING, "Check it"))
        assert [operator.state_of(record) for record in records] == ["Success"]
        records += operator.save(2)
        shell.follow(section_of(MOVING, "Go back"))
        assert [operator.state_of(record) for record in records] == ["Success"] * 3
        shell.follow(section_of(MOVING, "Make a copy for staging"))
