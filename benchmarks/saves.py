"""The part `saves`: images saved a second, by one caller and by 16 at once, beside npm's saveImage."""

import asyncio
import itertools
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import uvloop

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.store.sqlite import Durability, SqliteStore

from .environment import missing_programs
from .load import ask_once
from .npm_peer import npm_peer
from .own_images import check_payload
from .pictures import PICTURES
from .plan import Findings, Plan, size_label
from .progress import Progress

_WARM_S = 0.2


class Saved(NamedTuple):
    """The saves per second, and the images that a power failure may lose."""

    per_s: float
    durability: str


Saver = Callable[[Path, bytes, int, float], Saved]
"""Saves one image again and again into a folder: (folder, image, how many at once, for how many seconds)."""


def measure(plan: Plan) -> Findings:
    """Let each contestant save into a database of its own, in turn, with nothing of the last one left to be written."""
    found = Findings(missing=missing_programs("node", "npm pixstore"))
    savers: dict[str, Saver] = {"pixstore": _save_durably("NORMAL"), "pixstore FULL": _save_durably("FULL")}
    if not found.missing:
        savers["npm"] = _save_with_npm
    cases = list(itertools.product(plan.image_sizes, PICTURES, plan.concurrent_saves))
    progress = Progress("saves", plan.rounds * len(cases) * len(savers))
    for number in range(plan.rounds):
        for size, kind, at_once in cases:
            for name in list(savers)[:: -1 if number % 2 else 1]:
                os.sync()
                with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as folder:
                    saved = savers[name](Path(folder), PICTURES[kind](size), at_once, plan.saves_s)
                found.rows.append(
                    {
                        "contestant": name,
                        "round": number,
                        "size": size,
                        "format": kind,
                        "concurrent": at_once,
                        "saves_per_s": round(saved.per_s, 2),
                        "durability": saved.durability,
                    }
                )
                progress.step(f"{name}, {size_label(size)} {kind}, {at_once} at once: {saved.per_s:,.1f} saves/s")
    return found


def _save_durably(durability: Durability) -> Saver:
    def save(folder: Path, image: bytes, at_once: int, seconds: float) -> Saved:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            per_s = runner.run(_saves_per_s(folder, durability, image, at_once, seconds))
        synced = "no fsync per save" if durability == "NORMAL" else "fsync of the log per save"
        return Saved(per_s, f"WAL, synchronous={durability}: {synced}")

    return save


async def _saves_per_s(folder: Path, durability: Durability, image: bytes, at_once: int, seconds: float) -> float:
    store = SqliteStore(folder / "pixstore.db", durability=durability)
    async with Pixstore(store, secret=secrets.token_bytes(32)) as pix:
        await save_for(pix, image, at_once, _WARM_S)
        started = time.perf_counter()
        saved = await save_for(pix, image, at_once, seconds)
        per_s = len(saved) / (time.perf_counter() - started)
        record = await pix.get_image_record(saved[-1])
        assert record is not None
        payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        check_payload(b"".join([piece async for piece in payload]), record, image)
    return per_s


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
        result = peer.call("saves", path=str(picture), seconds=seconds, concurrent=at_once)
        record = ImageRecord.parse(result["last"])
        check_payload(ask_once(peer.request(record)).body, record, image)
        found = peer.call("durability")
    synchronous = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}[found["synchronous"]]
    durability = f"{found['journal_mode']}, synchronous={synchronous}: fsync of the row per save, none of the file"
    return Saved(result["count"] / result["seconds"], durability)
