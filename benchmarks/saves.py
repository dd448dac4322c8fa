"""The part `saves`: images saved a second, by one caller and by 16 at once, beside npm's saveImage."""

import asyncio
import itertools
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import uvloop

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.sqlite import Durability, SqliteStore

from .bare_save import save_barely, write_synced
from .cpu import cpu_seconds
from .environment import missing_programs
from .load import ask_once
from .npm_peer import npm_peer
from .own_images import check_payload
from .pictures import PICTURES
from .plan import Findings, Plan, size_label, size_name
from .progress import Progress
from .runs import Row

IN_FILES, DISK = "pixstore files", "disk"
FLOOR, FLOOR_IN_FILES = "floor", "floor files"
"""The least that a save can cost. Measured once for each size, with one caller: it looks at no format."""

_WARM_S = 0.2
_DISK_FILES = 20


class Saved(NamedTuple):
    """The saves per second, the CPU of one of them, and the images that a power failure may lose."""

    per_s: float
    cpu_us: float
    durability: str


class Case(NamedTuple):
    """The images of one measurement, and the number of callers."""

    size: int
    format: str
    concurrent: int


Saver = Callable[[Path, bytes, int, float], Saved]
"""Saves one image again and again into a folder: (folder, image, how many at once, for how many seconds)."""


def case_names(plan: Plan) -> list[str]:
    """Return the names that `--case` accepts: the sizes."""
    return [size_name(size) for size in plan.saves_sizes]


def measure(plan: Plan) -> Findings:
    """Let each contestant save into a database of its own, in turn, with nothing of the last one left to be written."""
    found = Findings(missing=missing_programs("node", "npm pixstore"))
    sizes = [size for size in plan.saves_sizes if plan.has_case(size_name(size))]
    cases = [
        Case(size, kind, concurrent)
        for size, kind, concurrent in itertools.product(sizes, PICTURES, plan.concurrent_saves)
        if kind != "jpeg" or size in plan.saves_jpeg_sizes
    ]
    savers = {case: _savers(case, plan, with_npm=not found.missing) for case in cases}
    progress = Progress("saves", plan.few_rounds * sum(map(len, savers.values())))
    for number in range(plan.few_rounds):
        for case in cases:
            for name in list(savers[case])[:: -1 if number % 2 else 1]:
                saved = _saved(savers[case][name], case, plan.saves_s)
                found.rows.append(_row(name, number, case, saved))
                label = f"{name}, {size_label(case.size)} {case.format}, {case.concurrent} at once"
                progress.step(f"{label}: {saved.per_s:,.1f} saves/s")
        found.rows += _disk_rows(sizes, number)
    return found


def _savers(case: Case, plan: Plan, *, with_npm: bool) -> dict[str, Saver]:
    savers: dict[str, Saver] = {"pixstore": _save_durably("NORMAL"), "pixstore FULL": _save_durably("FULL")}
    has_files = case.size >= BodyFolder.smallest_bytes
    if has_files:
        savers[IN_FILES] = _save_durably("NORMAL", in_files=True)
    if case.format == "png" and case.concurrent == plan.concurrent_saves[0]:
        savers[FLOOR] = _save_barely(in_files=False)
        if has_files:
            savers[FLOOR_IN_FILES] = _save_barely(in_files=True)
    if with_npm:
        savers["npm"] = _save_with_npm
    return savers


def _saved(saver: Saver, case: Case, seconds: float) -> Saved:
    os.sync()
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as folder:
        return saver(Path(folder), PICTURES[case.format](case.size), case.concurrent, seconds)


def _row(name: str, number: int, case: Case, saved: Saved) -> Row:
    return {
        "contestant": name,
        "round": number,
        **case._asdict(),
        "saves_per_s": round(saved.per_s, 2),
        "cpu_us": round(saved.cpu_us, 1),
        "durability": saved.durability,
    }


def _disk_rows(sizes: list[int], number: int) -> Iterator[Row]:
    """Yield the disk's own time for a file of each size."""
    for size in sizes:
        os.sync()
        with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as folder:
            times = [_synced_file_s(Path(folder), PICTURES["png"](size)) for _ in range(_DISK_FILES)]
        yield {"contestant": DISK, "round": number, "size": size, "seconds": statistics.median(times)}


def _synced_file_s(folder: Path, body: bytes) -> float:
    started = time.perf_counter()
    write_synced(folder, secrets.token_hex(8), body)
    return time.perf_counter() - started


def _save_barely(*, in_files: bool) -> Saver:
    def save(folder: Path, image: bytes, at_once: int, seconds: float) -> Saved:
        per_s, cpu_us = save_barely(folder, image, seconds, _WARM_S, in_files=in_files)
        return Saved(per_s, cpu_us, _durability_text("NORMAL", in_files=in_files))

    return save


def _save_durably(durability: Durability, *, in_files: bool = False) -> Saver:
    def save(folder: Path, image: bytes, at_once: int, seconds: float) -> Saved:
        bodies = BodyFolder(folder / "bodies") if in_files else None
        store = SqliteStore(folder / "pixstore.db", durability=durability, bodies=bodies)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            per_s, cpu_us = runner.run(_saves_per_s(store, image, at_once, seconds))
        return Saved(per_s, cpu_us, _durability_text(durability, in_files=in_files))

    return save


def _durability_text(durability: Durability, *, in_files: bool) -> str:
    synced = "no fsync per save" if durability == "NORMAL" else "fsync of the log per save"
    of_the_file = "fsync of the file per save; its row: " if in_files else ""
    return f"{of_the_file}WAL, synchronous={durability}: {synced}"


async def _saves_per_s(store: SqliteStore, image: bytes, at_once: int, seconds: float) -> tuple[float, float]:
    """Return the saves per second, and the CPU of one in µs."""
    async with Pixstore(store, secret=secrets.token_bytes(32)) as pix:
        await save_for(pix, image, at_once, _WARM_S)
        started, used = time.perf_counter(), time.process_time()
        saved = await save_for(pix, image, at_once, seconds)
        used, took = time.process_time() - used, time.perf_counter() - started
        record = await pix.get_image_record(saved[-1])
        assert record is not None
        payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        check_payload(b"".join([piece async for piece in payload]), record, image)
    return len(saved) / took, used / len(saved) * 1e6


async def save_for(pix: Pixstore, image: bytes, at_once: int, seconds: float) -> list[str]:
    """Save without a pause from so many tasks until the time is over; return the ids."""
    deadline = time.perf_counter() + seconds
    saved: list[str] = []

    async def save_on() -> None:
        while True:
            saved.append((await pix.save_image(image)).id)
            if time.perf_counter() >= deadline:
                return

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(save_on())
    return saved


def _save_with_npm(folder: Path, image: bytes, at_once: int, seconds: float) -> Saved:
    picture = folder / "picture"
    picture.write_bytes(image)
    with npm_peer(folder, None) as peer:
        peer.call("saves", path=str(picture), seconds=_WARM_S, concurrent=at_once)
        used = cpu_seconds(peer.process.pid)
        result = peer.call("saves", path=str(picture), seconds=seconds, concurrent=at_once)
        used = cpu_seconds(peer.process.pid) - used
        record = ImageRecord.parse(result["last"])
        check_payload(ask_once(peer.request(record)).body, record, image)
        found = peer.call("durability")
    synchronous = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}[found["synchronous"]]
    durability = f"{found['journal_mode']}, synchronous={synchronous}: fsync of the row per save, none of the file"
    return Saved(result["count"] / result["seconds"], used / result["count"] * 1e6, durability)
