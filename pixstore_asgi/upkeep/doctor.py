"""Checks a store, its secret and its machine. Each finding names the problem and how to solve it."""

import os
import re
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from time import time
from typing import NamedTuple

from ..decoding.sandbox import Sandbox
from ..errors import PixstoreError, SecretError
from ..keys.file import read_key_file
from ..keys.find import ENVIRONMENT_VARIABLE, configured_place, find_configured_ring
from ..store.contract import ImageStore
from ..store.files import BodyFolder
from ..store.files.folder import PARTS
from ..store.inspection import Inspectable
from ..store.mounts import file_system_of, is_of_network
from ..store.objects import OtherPlace

_LEAST_FREE_BYTES = 1 << 30
_MOST_APART_S = 2.0
_PART_OF_FOLDER = re.compile("[0-9a-f]{2}|parts|pixstore-bodies")


class Finding(NamedTuple):
    """The result of one check. remedy: how to solve the problem, empty if there is none."""

    about: str
    says: str
    remedy: str = ""


async def examine(store: ImageStore) -> AsyncIterator[Finding]:
    """Check an open store, its secret and its machine, but no bodies outside its database."""
    yield await _secret(store)
    if isinstance(store, Inspectable):
        yield await _engine(store)
    if store.key_file is not None:
        for path in _files(store.key_file) if os.name == "posix" else ():
            yield _mode(path)
        for finding in _place(store.key_file.parent, "the database"):
            yield finding
    yield _decoding()


async def examine_bodies(store: ImageStore) -> AsyncIterator[Finding]:
    """Check the place of bodies of an open store, which was opened with its bucket or folder, if it has one."""
    if not isinstance(store, Inspectable):
        return
    yield await _bodies(store)
    if isinstance(store.bodies, BodyFolder) and store.key_file is not None:
        folder = store.bodies.path
        if os.name == "posix":
            yield _mode(folder)
            yield _inside(folder, store.key_file.with_suffix(""))
        for finding in _place(folder, "the folder of bodies"):
            yield finding


async def _secret(store: ImageStore) -> Finding:
    where = configured_place() or f"the key file {store.key_file}"
    try:
        ring = await find_configured_ring(store)
        if ring is None:
            how = f"set {ENVIRONMENT_VARIABLE} to the application's secret"
            return Finding("secret", f"neither {ENVIRONMENT_VARIABLE} nor a key file is there", how)
        if not configured_place() and store.key_file:
            read_key_file(store.key_file)
        usage = await store.key_usage()
    except SecretError as error:
        return Finding("secret", f"{where} is refused", str(error))
    except PixstoreError as error:
        return Finding("secret", "can't be compared with the store's", str(error))
    if older := sum(images for key_id, images in usage.items() if key_id != ring.signing.key_id):
        how = "run `pixstore-asgi keys rewrap`, before the older one is removed"
        return Finding("secret", f"{where}; keys under an older one: {older:,}", how)
    return Finding("secret", f"{where} opens this store")


async def _engine(store: Inspectable) -> Finding:
    database = await store.database_info()
    says = f"{database.name} {database.version}"
    if database.clock_s is None:
        return Finding("engine", says)
    apart_s = abs(database.clock_s - time())
    says += f", its clock {apart_s:.1f} s from this one"
    how = "set both clocks by NTP: sweeps use the database's, proofs the application's"
    return Finding("engine", says, how if apart_s > _MOST_APART_S else "")


async def _bodies(store: Inspectable) -> Finding:
    if store.bodies is None:
        return Finding("bodies", "all are in the database")
    try:
        await store.check_bodies()
    except OtherPlace as error:
        return Finding("bodies", "none of those that were looked up is there", str(error))
    which = "new ones above 1 MiB" if store.bodies.smallest_bytes else "new ones"
    return Finding("bodies", f"{which} go to {store.bodies}")


def _files(key_file: Path) -> Iterator[Path]:
    yield from (path for path in (key_file.with_suffix(""), key_file) if path.exists())


def _mode(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    wanted = "700" if path.is_dir() else "600"
    how = f"chmod {wanted} {path}" if mode & 0o077 else ""
    if not how and path.stat().st_uid != os.geteuid() and os.geteuid():
        how = "run this as the application's user"
    elif os.statvfs(path).f_flag & os.ST_RDONLY:
        how = "mount its file system writable: it is read-only, perhaps after an error of the disk"
    elif not os.access(path, os.R_OK | os.W_OK):
        how = f"chmod {wanted} {path}: it can't be read and written"
    return Finding("folder" if path.is_dir() else "file", f"{path} has mode {mode:04o}", how)


def _inside(folder: Path, database: Path) -> Finding:
    """Check the subfolders of a folder of bodies, and that it has the owner of the database."""
    owner = database.stat().st_uid
    for path in (folder, *sorted(each for each in folder.iterdir() if _PART_OF_FOLDER.fullmatch(each.name))):
        found = path.stat()
        if found.st_uid != owner:
            says = f"{path} belongs to user {found.st_uid}, and the database to user {owner}"
            how = f"give both to the application's user: chown -R USER {folder} {database}*"
            return Finding("folder", says, how)
        if path != folder and found.st_mode & 0o777 != (0o700 if path.is_dir() else 0o600):
            says = f"{path} has mode {stat.S_IMODE(found.st_mode):04o}"
            return Finding("folder", says, f"chmod -R u=rwX,go= {folder}")
    try:
        TemporaryFile(dir=folder / PARTS).close()
    except OSError as error:
        says = f"no file can be made in {folder / PARTS} ({error.strerror})"
        return Finding("folder", says, "let the application's user write there: each save makes a file in it")
    return Finding("folder", f"all of {folder} belongs to the owner of the database")


def _place(folder: Path, kept: str) -> Iterator[Finding]:
    yield _disk(folder)
    yield _file_system(folder, kept)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    says = f"{free / 2**30:,.1f} GiB free in {folder}"
    return Finding("disk", says, "make room: a full disk refuses every save" if free < _LEAST_FREE_BYTES else "")


def _file_system(folder: Path, kept: str) -> Finding:
    kind = file_system_of(folder)
    how = f"move {kept} to a local disk: locks and syncs are not reliable on a network file system"
    return Finding(
        "file system",
        f"{kind or 'unknown'} at {folder}",
        how if is_of_network(kind) else "",
    )


def _decoding() -> Finding:
    names = Sandbox().names
    if not names:
        says = "this kernel has no Landlock and no seccomp: a decoder that is taken over acts as the application's user"
        return Finding("decoding", says)
    return Finding("decoding", f"pictures are decoded under {' and '.join(names)}")
