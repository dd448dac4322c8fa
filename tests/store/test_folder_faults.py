"""Real faults of the folder of bodies: file systems that are full, read-only, away or of a network, and permissions.

Each operation raises one error with a remedy, no image is lost, and the store works again after the fault.
"""

import asyncio
import os
import re
import resource
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from pixstore_asgi.errors import StoreBusy, StoreError, StoreFull
from pixstore_asgi.store import mounts
from pixstore_asgi.store.contract import CHUNK_BYTES, WHOLE_BYTES
from pixstore_asgi.store.contract_tests.steps import body_of, read, save
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.upkeep.verify import verify_rest
from tests.store.test_files import opened, store_of
from tests.support.tools import require

pytestmark = pytest.mark.slow

LONG = body_of(WHOLE_BYTES + 3 * CHUNK_BYTES + 7)
OTHER = body_of(len(LONG), seed=1)

needs_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a file system")


# Faults while the store is open: each operation, its error, and the time after the fault

READ_ONLY = r"the folder .* can't be used \(Read-only file system(: /.*)?\): let the process read and write the folder"
FORBIDDEN = r"the folder .* can't be used \(Permission denied(: /.*)?\): let the process read and write the folder"
AWAY = "the folder .* is missing or was replaced: mount it, move it back or restore it from a backup, and try again"
OF_OTHERS = "the folder .* is not the one of this database, which has bodies elsewhere: check that blobs= names"
EXHAUSTED = "the (folder|database) .* can't be used: too many files are open: raise the limit of open files"
MISSING = "the folder .* is missing, but this database has bodies outside its tables: check blobs=, and mount"
FULL = "the folder .* can't be used: the disk is full: make room and try again"


async def verify(store: SqliteStore) -> None:
    assert [fault async for fault in verify_rest(store)] == []


async def reopen(store: SqliteStore) -> None:
    async with opened(store_of(store.path.parent, store.bodies.path)):  # type: ignore[union-attr]
        pass


OPERATIONS: dict[str, Callable[[SqliteStore], Awaitable[object]]] = {
    "read": lambda store: read(store, "a"),
    "read a short one": lambda store: read(store, "short"),
    "save": lambda store: save(store, "new", OTHER),
    "replace": lambda store: save(store, "a", OTHER),
    "save a short one": lambda store: save(store, "new", b"short"),
    "delete": lambda store: store.delete("b"),
    "gc": lambda store: store.sweep(),
    "verify": verify,
    "open": reopen,
}


async def use(store: SqliteStore, errors: dict[str, str]) -> None:
    """Do everything once. errors: the message of each operation that must fail. The others must succeed."""
    for name, operation in OPERATIONS.items():
        if name in errors:
            with pytest.raises(StoreError, match=f"^{errors[name]}"):
                await operation(store)
        else:
            await operation(store)


@asynccontextmanager
async def filled(folder: Path, bodies: Path) -> AsyncIterator[SqliteStore]:
    """Keep a store with images open during the block. After it, each image must be there, and a save must work."""
    async with opened(store_of(folder, bodies)) as store:
        for image_id, body in {"a": LONG, "b": OTHER, "short": b"short"}.items():
            await save(store, image_id, body)
        yield store
        assert (await read(store, "a"), await read(store, "short")) == (LONG, b"short")
        await save(store, "c", OTHER)
        assert await read(store, "c") == OTHER
        assert await read(store, "b") is None
        await store.sweep()
        assert len(list(bodies.glob("[0-9a-f][0-9a-f]/*"))) == 2
        assert list(bodies.glob("parts/*")) == []


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def remount(disk: Path, options: str) -> None:
    run("mount", "-o", f"remount,{options}", disk)


async def test_a_disk_that_becomes_read_only(tmp_path: Path, small_disk: Path) -> None:
    """As ext4 does after an error of the disk. All images stay readable, and a new process starts."""
    async with filled(tmp_path, small_disk / "bodies") as store:
        remount(small_disk, "ro")
        await use(store, dict.fromkeys(["save", "replace", "gc"], READ_ONLY))
        remount(small_disk, "rw")


async def test_a_read_only_disk_at_the_first_start(tmp_path: Path, small_disk: Path) -> None:
    """A folder that was made is not enough: the store must write its owner there."""
    (small_disk / "bodies").mkdir()
    remount(small_disk, "ro")
    for bodies in (small_disk / "bodies", small_disk / "new"):
        with pytest.raises(StoreError, match=READ_ONLY):
            await store_of(tmp_path, bodies).open()


@pytest.mark.parametrize("free_bytes", [0, WHOLE_BYTES + CHUNK_BYTES])
async def test_a_full_disk(tmp_path: Path, small_disk: Path, free_bytes: int) -> None:
    """Before a body, or in the middle of it. No part of it stays, deletes and gc work, and so do saves afterwards."""
    async with filled(tmp_path, small_disk / "bodies") as store:
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
        filler = small_disk / "filler"
        filler.write_bytes(bytes(free - free_bytes))
        for name in ("save", "replace"):
            with pytest.raises(StoreFull, match=FULL):
                await OPERATIONS[name](store)
            assert list(small_disk.glob("bodies/parts/*")) == []
        await use(store, {"save": FULL, "replace": FULL})
        filler.unlink()


@pytest.mark.parametrize("free_bytes", [0, 64 * 1024, WHOLE_BYTES + CHUNK_BYTES])
async def test_a_full_disk_of_database_and_folder(small_disk: Path, free_bytes: int) -> None:
    """Whichever of them is full first, the save raises one error, and its file is removed although no row can be."""
    async with filled(small_disk, small_disk / "bodies") as store:
        await store.delete("b")
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
        filler = small_disk / "filler"
        filler.write_bytes(bytes(free - free_bytes))
        for name in ("save", "replace"):
            with pytest.raises(StoreFull, match=f"^{FULL.replace('folder', '(database|folder)')}"):
                await OPERATIONS[name](store)
            assert list(small_disk.glob("bodies/parts/*")) == []
            assert await read(store, "a") == LONG
        filler.unlink()
        await store.sweep()  # a complete file without a committed row takes room until then


async def test_a_full_disk_at_the_first_start(tmp_path: Path, small_disk: Path) -> None:
    """The error names the disk, nothing is left, and a start after room was made works."""
    filler = small_disk / "filler"
    (small_disk / "bodies").mkdir()
    filler.write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize))
    with pytest.raises(StoreError, match=FULL):
        await store_of(tmp_path, small_disk / "bodies").open()
    assert list((small_disk / "bodies").iterdir()) == []
    filler.unlink()
    async with opened(store_of(tmp_path, small_disk / "bodies")) as store:
        await save(store, "a", LONG)


async def fault_of(operation: Awaitable[object]) -> str:
    """Return the error of an operation in words, or an empty text."""
    try:
        await operation
    except StoreError as error:
        return str(error)
    return ""


async def test_a_full_ext4(tmp_path: Path) -> None:
    """A real file system with blocks and a journal, of 16 MiB: images are saved until it is full."""
    with ext4_at(tmp_path / "disk"):
        async with filled(tmp_path, tmp_path / "disk" / "bodies") as store:
            await store.delete("b")
            saved = 0
            while not (fault := await fault_of(save(store, f"more-{saved}", OTHER))):
                saved += 1
            assert re.match(FULL, fault)
            assert saved > 3
            for number in range(saved):
                assert await read(store, f"more-{number}") == OTHER
                await store.delete(f"more-{number}")
            assert await store.sweep() == saved + 2  # "b" and the body that did not fit


async def test_a_disk_that_is_unmounted_and_mounted_again(tmp_path: Path) -> None:
    """The mount point is empty meanwhile, and the file system has another number afterwards. No restart is needed."""
    errors = dict.fromkeys(["read", "save", "replace", "gc", "verify"], AWAY)
    with ext4_at(tmp_path / "disk"):
        async with filled(tmp_path, tmp_path / "disk") as store:
            run("umount", tmp_path / "disk")
            await use(store, {**errors, "open": OF_OTHERS})
            with ext4_at(tmp_path / "other"):  # takes the number of the first one
                run("mount", "-o", "loop", tmp_path / "disk.ext4", tmp_path / "disk")
                assert await read(store, "a") == LONG


async def test_a_folder_below_a_mount_point(tmp_path: Path) -> None:
    """A first start without the disk made it, and it has the id of the database. One lost file is no other folder."""
    disk, bodies, hidden = tmp_path / "disk", tmp_path / "bodies", tmp_path / "hidden"
    async with opened(store_of(tmp_path)) as store:
        await save(store, "short", b"short")
    bodies.rename(hidden)
    disk.mkdir()
    disk.rename(bodies)
    async with opened(store_of(tmp_path)) as store:
        await save(store, "a", LONG)
        await save(store, "b", OTHER)
    bodies.rename(disk)
    hidden.rename(bodies)
    with pytest.raises(StoreError, match="has none of the database's current bodies"):
        await store_of(tmp_path).open()
    bodies.rename(hidden)
    disk.rename(bodies)
    next(bodies.glob("[0-9a-f][0-9a-f]/*")).unlink()
    async with opened(store_of(tmp_path)) as store:
        for image_id in ("a", "b"):
            await store.delete(image_id)
        await save(store, "a", LONG)
    next(bodies.glob("[0-9a-f][0-9a-f]/*")).unlink()
    async with opened(store_of(tmp_path)) as store:
        assert await read(store, "short") == b"short"


@contextmanager
def ext4_at(folder: Path) -> Iterator[None]:
    """Mount an ext4 of 16 MiB during the block."""
    image = folder.with_suffix(".ext4")
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run([require("mkfs.ext4", "e2fsprogs"), "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True, check=False).returncode:
        pytest.skip("a disk in a file needs root and the right to mount: run this as root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False)  # a failed test may have unmounted it


async def test_a_folder_that_is_moved_away(tmp_path: Path) -> None:
    """Images in the database stay readable, and nothing of the missing folder is made anew."""
    async with filled(tmp_path, tmp_path / "bodies") as store:
        (tmp_path / "bodies").rename(tmp_path / "moved")
        errors = dict.fromkeys(["read", "save", "replace", "gc", "verify"], AWAY)
        await use(store, {**errors, "open": MISSING})
        assert not (tmp_path / "bodies").exists()
        (tmp_path / "bodies").touch()  # a file in its place
        for name in ("read", "save"):
            with pytest.raises(StoreBusy, match=AWAY):
                await OPERATIONS[name](store)
        (tmp_path / "bodies").unlink()
        (tmp_path / "moved").rename(tmp_path / "bodies")


async def test_a_folder_on_two_file_systems(tmp_path: Path, small_disk: Path) -> None:
    """As after a mount on a subfolder: a finished file can't be moved there."""
    async with filled(tmp_path, tmp_path / "bodies") as store:
        run("mount", "--bind", small_disk, tmp_path / "bodies" / "parts")
        try:
            for operation in (save(store, "a", OTHER), reopen(store)):
                with pytest.raises(StoreError, match="can't be used: parts of it are on different file systems: keep"):
                    await operation
        finally:
            run("umount", tmp_path / "bodies" / "parts")
        await store.delete("b")


FOREIGN: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a folder": os.mkdir,
    "a link": lambda file: file.symlink_to(file.parent),
}


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_body_that_is_no_file(tmp_path: Path, kind: str) -> None:
    """A read raises an error at once. It neither waits nor follows a link."""
    async with opened(store_of(tmp_path)) as store:
        await save(store, "a", LONG)
        (file,) = (tmp_path / "bodies").glob("[0-9a-f][0-9a-f]/*")
        file.unlink()
        FOREIGN[kind](file)
        with pytest.raises(StoreError, match=r"the file .* of image a|the folder .* can't be used"):
            await read(store, "a")


@contextmanager
def as_a_user(folder: Path) -> Iterator[None]:
    """Give a folder to an ordinary user, and act as this user during the block."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    except OSError as error:
        pytest.skip(f"this container has no other user: {error}")
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="Windows takes no folder")
@pytest.mark.parametrize(
    ("mode", "failing"),
    [(0o500, ["save", "replace", "gc"]), (0o000, ["read", "save", "replace", "gc", "verify", "open"])],
)
async def test_a_folder_without_permission(mode: int, failing: list[str]) -> None:
    """As after a restore by root: the error says what the process lacks, and nothing is lost."""
    folder = Path(tempfile.mkdtemp())  # the folders of tmp_path are closed to other users
    try:
        with as_a_user(folder):
            async with filled(folder, folder / "bodies") as store:
                places = [folder / "bodies", *(path for path in (folder / "bodies").iterdir() if path.is_dir())]
                for place in reversed(places):
                    place.chmod(mode)
                await use(store, dict.fromkeys(failing, FORBIDDEN))
                for place in places:
                    place.chmod(0o700)
    finally:
        shutil.rmtree(folder)


async def test_a_folder_in_a_missing_folder(tmp_path: Path) -> None:
    """Only the folder itself is made at the first start: the others may be of a disk that is not mounted."""
    with pytest.raises(StoreError, match=r"the folder .* does not exist: create it, or mount it"):
        await store_of(tmp_path, tmp_path / "mnt" / "disk" / "bodies").open()
    assert not (tmp_path / "mnt").exists()


async def test_a_folder_of_a_database_that_has_no_bodies_yet(tmp_path: Path) -> None:
    """Two databases never share a folder, even if both are new."""
    (tmp_path / "other").mkdir()
    async with opened(store_of(tmp_path)):
        other = store_of(tmp_path / "other", tmp_path / "bodies")
        refusal = f"the database {other.path} is new, but the folder .* holds the bodies of another one: restore the"
        with pytest.raises(StoreError, match=refusal):
            await other.open()
        assert list((tmp_path / "other").iterdir()) == []
        async with opened(SqliteStore(other.path)):
            pass
        with pytest.raises(StoreError, match="holds the bodies of another database: name a new folder, or restore"):
            await other.open()


@contextmanager
def descriptors_left(number: int) -> Iterator[None]:
    """Let this process open only so many more files during the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    held: list[int] = []
    try:
        with suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(number):
            os.close(held.pop())
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_process_without_descriptors(tmp_path: Path) -> None:
    """Everything that opens a file says so, and succeeds when there are descriptors again."""
    async with filled(tmp_path, tmp_path / "bodies") as store:
        with descriptors_left(0):
            errors = dict.fromkeys(["read", "save", "replace", "gc", "verify"], EXHAUSTED)
            await use(store, {**errors, "open": EXHAUSTED})


async def test_64_readers_without_descriptors(tmp_path: Path) -> None:
    """Some are refused, the others read whole images, and all of them can read once descriptors are free."""
    async with filled(tmp_path, tmp_path / "bodies") as store:
        with descriptors_left(16):
            found = await asyncio.gather(*(store.open_stream("a") for _ in range(64)), return_exceptions=True)
        refused = [error for error in found if isinstance(error, BaseException)]
        assert {type(error) for error in refused} == {StoreBusy}
        assert all(re.search("too many files are open: raise the limit", str(error)) for error in refused)
        streams = [stream for stream in found if stream and not isinstance(stream, BaseException)]
        assert len(streams) > 3
        for stream in streams:
            assert b"".join([chunk async for chunk in stream]) == LONG
        assert set(await asyncio.gather(*(read(store, "a") for _ in range(64)))) == {LONG}
        await store.delete("b")


# Network file systems

FUSE_LOOKUP, FUSE_GETATTR, FUSE_INIT, FUSE_FORGETS = 1, 3, 26, (2, 42)
NO_ENTRY, NO_SUCH_CALL = 2, 38


def serve_fuse(device: int) -> None:
    """Answer the kernel's requests to an empty file system (linux/fuse.h), until it is unmounted."""
    while True:
        try:
            request = os.read(device, 1 << 17)
        except OSError:  # unmounted
            return
        _, kind, unique, *_ = struct.unpack_from("<IIQQIIII", request)
        if kind in FUSE_FORGETS:
            continue
        body, error = b"", 0
        if kind == FUSE_INIT:
            body = struct.pack("<IIIIHHII32x", 7, 31, 0, 0, 1, 1, 1 << 16, 1)
        elif kind == FUSE_GETATTR:
            inode = struct.pack("<QQQQQQIIIIIIIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40700, 2, 0, 0, 0, 4096, 0)
            body = struct.pack("<QII", 0, 0, 0) + inode
        else:
            error = -NO_ENTRY if kind == FUSE_LOOKUP else -NO_SUCH_CALL
        os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)


@contextmanager
def fuse_at(folder: Path, kind: str) -> Iterator[None]:
    """Mount an empty file system of this kind, which this process serves, during the block."""
    folder.mkdir()
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"this system has no FUSE: {error}")
    try:
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0,subtype={kind}"
        done = subprocess.run(
            ["mount", "-i", "-t", "fuse", "-o", options, "test", folder],
            pass_fds=[device],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"FUSE can't be mounted here: {done.stderr.decode().strip()}")
        server = threading.Thread(target=serve_fuse, args=(device,), daemon=True)
        server.start()
        try:
            yield
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
            server.join(10)
    finally:
        os.close(device)


@needs_root
@pytest.mark.parametrize("inside", ["", "pictures"])
async def test_a_network_file_system_is_refused(tmp_path: Path, inside: str) -> None:
    """The mount point and a folder in it are refused, also through a link, before anything is written there."""
    with fuse_at(tmp_path / "remote", "sshfs"):
        (tmp_path / "link").symlink_to(tmp_path / "remote")
        for folder in (tmp_path / "remote", tmp_path / "link"):
            with pytest.raises(StoreError, match=r"is on a network file system \(fuse.sshfs\)"):
                await store_of(tmp_path, folder / inside).open()


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.rclone", "ceph"])
async def test_each_kind_of_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The system's own list of mounts decides: the last one at a place counts, and optional fields do not."""
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "mountinfo")
    line = "63 43 254:0 / {} rw,relatime {}- {} server:/pictures rw,vers=4.2\n"
    place = str(tmp_path).replace(" ", r"\040")
    (tmp_path / "mountinfo").write_text(
        line.format("/", "", "ext4") + line.format(place, "", "ext4") + line.format(place, "shared:1 master:2 ", kind)
    )
    with pytest.raises(StoreError, match=rf"is on a network file system \({kind}\)"):
        await store_of(tmp_path).open()
    assert not (tmp_path / "bodies").exists()


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse.ntfs", "virtiofs"])
async def test_other_file_systems_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A file system of this machine may be mounted inside one of a network."""
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "mountinfo")
    line = "63 43 254:0 / {} rw - {} source rw\n"
    (tmp_path / "mountinfo").write_text(line.format("/", "nfs4") + line.format(tmp_path, kind))
    store = store_of(tmp_path)
    await store.open()
    await store.close()
