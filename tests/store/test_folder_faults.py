"""Real faults of the folder of bodies: file systems that are full, read-only, away or of a network, and permissions.

Each operation raises one error with a remedy, no image is lost, and the store works again after the fault.
"""

import itertools
import os
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pixstore_asgi.errors import StoreError
from pixstore_asgi.store import mounts
from pixstore_asgi.store.contract import CHUNK_BYTES, WHOLE_BYTES
from pixstore_asgi.store.contract_tests.steps import body_of
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.sqlite import SqliteStore

LONG = body_of(WHOLE_BYTES + 3 * CHUNK_BYTES + 7)

needs_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a file system")


def store_of(folder: Path, bodies: Path | None = None) -> SqliteStore:
    ticks = itertools.count(1_700_000_000_000, 1000)
    bodies = bodies or folder / "bodies"
    return SqliteStore(folder / "images.db", bodies=BodyFolder(bodies), sweep_grace_s=0, clock_ms=lambda: next(ticks))


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{command[0]} is not possible here: {done.stderr.strip()}")


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
