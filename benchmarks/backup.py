"""The part `backup`: many large images saved, backed up, backed up again and restored, beside npm's copied by hand.

`replication` adds Litestream beside a database with bodies in files.
"""

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixstore_asgi import ImageRecord, Pixstore
from tests.support.s3 import running_s3

from .environment import missing_programs
from .load import ask_once
from .memory import MIB, memory_of, reset_peak
from .npm_peer import npm_peer
from .own_images import OwnImages, check_payload
from .pictures import png
from .plan import MB, Findings, Plan, size_label
from .progress import Progress
from .replication import Replica, replicated
from .runs import Row

SAVES, BACKUP, AGAIN, RESTORE = "saves", "backup", "again", "restore"
DATABASE, FILES, NPM = "database", "files", "npm by hand"
ONE_FILE, FOLDER = "files, to one file", "files, to a folder"
IN_BUCKET, BUCKET, LITESTREAM = "bucket", "bucket, to one file", "files, Litestream"
SIZE = 4 * MB
MORE_IMAGES = 10
_COPIES = 4  # on the disk at once: the store, its backup, an unfinished one, and the restored store

_COMMAND = str(Path(sys.executable).with_name("pixstore-asgi"))
_CHILD = str(Path(__file__).with_name("measured_child.py"))
_COPY_ROWS = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to back up a store. can_continue: whether the same command adds later images to an earlier backup."""

    name: str
    backup: list[str]
    restore: list[str]
    can_continue: bool = True


@dataclass(frozen=True, slots=True)
class Store:
    """A store in use.

    save: saves one more image. check: raises an error if a restored store lacks an image. pid: the process that saves.
    """

    name: str
    database: Path
    secret: str
    save: Callable[[], None]
    check: Callable[[], None]
    ways: list[Way]
    pid: int


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of a store, its backup, and the store that is restored from it."""

    store: Path
    backup: Path
    restored: Path

    @classmethod
    def below(cls, folder: Path) -> "Places":
        return cls(*(folder / name for name in ("store", "backup", "restored")))

    def clear(self) -> None:
        """Remove the backup and the restored store, for the next way."""
        for folder in (self.backup, self.restored):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)


def measure(plan: Plan) -> Findings:
    """Fill one store after the other and back it up in each of its ways. Only one store is on the disk at a time."""
    found = Findings(missing=missing_programs("node", "npm pixstore", "weed", "litestream"))
    progress = Progress("backup", 0)
    for start, count in _stores(plan):
        with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as folder:
            needed, free = _COPIES * count * SIZE, shutil.disk_usage(folder).free
            if free < needed:
                found.missing.append(
                    f"the part backup needs {size_label(needed)} on the disk: {size_label(free)} are free"
                )
                break
            places = Places.below(Path(folder))
            places.store.mkdir()
            with start(places) as store:
                for row in _rows(store, places, plan, count):
                    found.rows.append({"round": 0, "size": SIZE, **row})
                    progress.say(", ".join(f"{name} {value}" for name, value in row.items()))
    return found


def _stores(plan: Plan) -> Iterator[tuple[Callable[[Places], AbstractContextManager[Store]], int]]:
    """Yield how to make each store whose programs are installed, and how many images it gets."""
    yield _database, plan.backup_images
    yield _files, plan.backup_images
    if not missing_programs("weed"):
        yield _bucket, plan.bucket_images
    if not missing_programs("node", "npm pixstore"):
        yield _npm, plan.backup_images


def _rows(store: Store, places: Places, plan: Plan, images: int) -> Iterator[Row]:
    yield saves(store, store.name, images)
    for way in store.ways:
        places.clear()
        yield {"contestant": way.name, "load": BACKUP, "images": images, **run_command(way.backup, store)}
        for _ in range(MORE_IMAGES):
            store.save()
        images += MORE_IMAGES
        if not way.can_continue:
            places.clear()
        yield {"contestant": way.name, "load": AGAIN, "images": images, **run_command(way.backup, store)}
        yield {"contestant": way.name, "load": RESTORE, "images": images, **run_command(way.restore, store)}
        store.check()
    if store.name == FILES and not missing_programs("litestream"):
        places.clear()
        with replicated(store.database, places.backup) as replica:
            yield from _replicated_rows(store, places, replica, images, plan.bucket_images)


def _replicated_rows(store: Store, places: Places, replica: Replica, images: int, more: int) -> Iterator[Row]:
    """Back up with Litestream beside the store and a copy of its files, save more images, do it again and restore."""
    copy = shlex.join(["cp", "-au", f"{places.store}/bodies", f"{places.backup}/"])
    files = ["sh", "-c", f"{copy} && sync -f {shlex.quote(str(places.backup))}"]
    for load in (BACKUP, AGAIN):
        found = run_command(files, store)
        replica.wait()
        yield {"contestant": LITESTREAM, "load": load, "images": images, **found, **replica.used(found)}
        if load == BACKUP:
            yield saves(store, LITESTREAM, more)
            images += more
    replica.stop()
    restore = shlex.join(replica.restore(places.restored / store.database.name))
    restore += f" && {shlex.join(['cp', '-a', f'{places.backup}/bodies', f'{places.restored}/'])}"
    restore += f" && sync -f {shlex.quote(str(places.restored))}"
    yield {
        "contestant": LITESTREAM,
        "load": RESTORE,
        "images": images,
        **run_command(["sh", "-c", restore], store),
    }
    store.check()


def saves(store: Store, name: str, count: int) -> Row:
    """Save images one after another; return the time, the sizes of database and log, and the memory of the process."""
    log = store.database.with_name(store.database.name + "-wal")
    most = 0
    os.sync()
    reset_peak(store.pid)
    idle = memory_of(store.pid, "VmRSS")
    started = time.perf_counter()
    for _ in range(count):
        store.save()
        most = max(most, log.stat().st_size if log.exists() else 0)
    return {
        "contestant": name,
        "load": SAVES,
        "images": count,
        "seconds": round(time.perf_counter() - started, 3),
        "database_bytes": store.database.stat().st_size,
        "log_bytes": most,
        "above_idle_mib": round((memory_of(store.pid, "VmHWM") - idle) / MIB, 1),
    }


def run_command(command: list[str], store: Store) -> Row:
    """Run a command with nothing left to be written before, and return its time, CPU, memory and written bytes."""
    os.sync()
    environment = os.environ | {"PIXSTORE_SECRET": store.secret}
    child = [sys.executable, _CHILD, *command]
    done = subprocess.run(child, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stderr[-3000:]}")
    measured: dict[str, float] = json.loads(done.stdout)
    return {name: round(value, 3) for name, value in measured.items()}


def _database(places: Places) -> AbstractContextManager[Store]:
    database, backup = str(places.store / "pixstore.db"), str(places.backup / "pixstore.db")
    way = Way(
        DATABASE,
        [_COMMAND, "backup", "--database", database, "--to", backup],
        [_COMMAND, "restore", "--from", backup, "--database", str(places.restored / "pixstore.db")],
        can_continue=False,
    )
    return _own_store(DATABASE, places, [way])


def _files(places: Places) -> AbstractContextManager[Store]:
    store, backup, restored = (
        (str(folder / "pixstore.db"), str(folder / "bodies"))
        for folder in (places.store, places.backup, places.restored)
    )
    back_up = [_COMMAND, "backup", "--database", store[0], "--blobs", store[1], "--to", backup[0]]
    restore = [_COMMAND, "restore", "--from", backup[0], "--database", restored[0], "--blobs", restored[1]]
    ways = [
        Way(ONE_FILE, back_up, restore),
        Way(FOLDER, [*back_up, "--to-blobs", backup[1]], [*restore, "--from-blobs", backup[1]]),
    ]
    return _own_store(FILES, places, ways, (store[1], restored[1]))


@contextmanager
def _bucket(places: Places) -> Iterator[Store]:
    """Make a store in a SQLite database and a bucket. It is restored into another prefix of the bucket."""
    with running_s3() as server:
        os.environ.update(server.environment)  # for this process and the commands
        store, backup, restored = (
            str(folder / "pixstore.db") for folder in (places.store, places.backup, places.restored)
        )
        blobs, restored_blobs = server.url("store"), server.url("restored")
        way = Way(
            BUCKET,
            [_COMMAND, "backup", "--database", store, "--blobs", blobs, "--to", backup],
            [_COMMAND, "restore", "--from", backup, "--database", restored, "--blobs", restored_blobs],
        )
        with _own_store(IN_BUCKET, places, [way], (blobs, restored_blobs)) as own:
            yield own


@contextmanager
def _own_store(
    name: str, places: Places, ways: list[Way], blobs: tuple[str | None, str | None] = (None, None)
) -> Iterator[Store]:
    """Make a store. blobs: where its bodies are, and those of the restored store."""
    database = places.store / "pixstore.db"
    ids: list[str] = []
    with OwnImages(database, blobs[0]) as images:

        def save() -> None:
            ids.extend(images.save_copies(SIZE, 1))

        def check() -> None:
            restored = places.restored / "pixstore.db"
            asyncio.run(_check_restored(Pixstore(restored, blobs=blobs[1], secret=images.secret), ids))

        yield Store(name, database, images.secret, save, check, ways, os.getpid())


async def _check_restored(restored: Pixstore, ids: list[str]) -> None:
    async with restored as pix:
        records = await pix.get_image_records(ids)
        if len(records) != len(ids):
            raise RuntimeError(f"{len(ids) - len(records)} of {len(ids)} images were not restored")
        for record in (records[ids[0]], records[ids[-1]]):
            payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
            check_payload(b"".join([piece async for piece in payload]), record, png(SIZE))


@contextmanager
def _npm(places: Places) -> Iterator[Store]:
    picture = places.store / "picture"
    picture.write_bytes(png(SIZE))
    saved: list[ImageRecord] = []
    with npm_peer(places.store, None) as peer:

        def save() -> None:
            saved.append(ImageRecord.parse(peer.call("save", path=str(picture))))

        def check() -> None:
            with npm_peer(places.restored, None) as restored:
                for image in (saved[0], saved[-1]):
                    record = restored.record(image.id)
                    check_payload(ask_once(restored.request(record)).body, record, png(SIZE))

        yield Store(NPM, places.store / "pixstore.sqlite", "", save, check, [_npm_way(places)], peer.process.pid)


def _npm_way(places: Places) -> Way:
    """Return plain commands that copy the rows at one moment, then the files that the backup lacks, and sync both."""
    store, backup, restored = map(shlex.quote, map(str, (places.store, places.backup, places.restored)))
    rows = shlex.join([sys.executable, "-c", _COPY_ROWS])
    back_up = f"{rows} {store}/pixstore.sqlite {backup}/pixstore.sqlite && cp -au {store}/images {backup}/"
    restore = f"cp -a {backup}/. {restored}/"
    return Way(
        NPM,
        ["sh", "-c", f"{back_up} && sync -f {backup}"],
        ["sh", "-c", f"{restore} && sync -f {restored}"],
    )
