"""The part `growth`: the time of a GET, a record and a save beside ever more images; commands; the log; two workers."""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from pixstore_asgi import Pixstore, PixstoreApp

from .asgi_call import AsgiCall
from .big_database import IMAGE_BYTES, BigDatabase, make
from .commands import commands
from .environment import missing_programs
from .own_images import check_payload, saved_images
from .pictures import png
from .plan import KB, Findings, Plan, size_label
from .progress import Progress
from .rivals import asgi
from .runs import HOT, Case, run_load

_WARM_SAMPLES = 20
_WORKERS = (1, 2)
_WORKER_CONNECTIONS = 16
_LOG_IMAGE_BYTES = 30 * KB


def measure(plan: Plan) -> Findings:
    """Measure everything about growth; each round visits every database in turn."""
    found = Findings()
    worker_rounds = 0 if (missing := missing_programs("wrk")) else plan.rounds
    found.missing += missing
    steps = len(plan.stored_images) * (1 + plan.rounds) + 1 + worker_rounds * len(_WORKERS)
    progress = Progress("growth", steps)
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as folder:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            databases = runner.run(_measure_databases(plan, Path(folder), found, progress))
            runner.run(_measure_log(plan, Path(folder), found, progress))
        for row in commands(plan, databases, Path(folder)):
            found.rows.append(row)
            progress.say(f"{row['what']} of {row['stored']:,} images: {row['seconds']} s, {row['peak_mib']} MiB")
        if worker_rounds:
            _measure_workers(plan, Path(folder) / "workers", found, progress)
    return found


async def _measure_databases(plan: Plan, folder: Path, found: Findings, progress: Progress) -> list[BigDatabase]:
    databases: dict[int, BigDatabase] = {}
    for count in plan.stored_images:
        started = time.perf_counter()
        databases[count] = await make(folder / f"{count}.db", count)
        file_bytes = databases[count].path.stat().st_size
        found.rows.append({"what": "file", "images": count, "bytes_per_image": round(file_bytes / count, 1)})
        progress.step(f"made {count:,} images in {time.perf_counter() - started:.1f} s, {size_label(file_bytes)}")
    for database in databases.values():  # a first slow call favours no size
        await _operations(database, _WARM_SAMPLES, plan.rounds)
    for number in range(plan.rounds):
        for count in list(databases)[:: -1 if number % 2 else 1]:
            times, reads = await _operations(databases[count], plan.growth_samples, number)
            found.rows += [
                {"what": name, "images": count, "round": number, "seconds": value} for name, value in times.items()
            ]
            found.rows.append({"what": "reads", "images": count, "round": number, "reads": round(reads, 2)})
            shown = ", ".join(f"{name} {value * 1e6:,.0f} µs" for name, value in times.items())
            progress.step(f"{count:,} images: {shown}")
    return list(databases.values())


async def _operations(database: BigDatabase, samples: int, seed: int) -> tuple[dict[str, float], float]:
    """Return the median seconds of each operation on images drawn from all of the database, and the mean number of the
    file's pages that one GET reads from the system.
    """
    drawn = random.Random(seed).sample(database.ids, min(samples, len(database.ids)))
    pix = Pixstore(database.path, secret=database.secret, cache_bytes=0)  # every operation asks the database
    started = time.perf_counter()
    await pix.open()
    times = {"open": time.perf_counter() - started}
    try:
        records = [record for image_id in drawn if (record := await pix.get_image_record(image_id))]
        calls = [AsgiCall(PixstoreApp(pix), record) for record in records]
        check_payload(await calls[0].body(), records[0], png(IMAGE_BYTES))
        lengths = {await call.length() for call in calls}
        if len(records) != len(drawn) or lengths != {IMAGE_BYTES + 2}:
            raise RuntimeError("the big database does not give every image")
        times["GET"] = await _median_seconds([call.length for call in calls])
        before = _system_reads()
        for call in calls:
            await call.length()
        reads = (_system_reads() - before) / len(calls)
        times["record"] = await _median_seconds([_record_of(pix, image_id) for image_id in drawn])
        times["save"] = await _median_seconds([lambda: pix.save_image(png(IMAGE_BYTES)) for _ in drawn])
    finally:
        await pix.close()
    return times, reads


def _system_reads() -> int:
    """Return how many read system calls this process has made."""
    return int(Path("/proc/self/io").read_text().partition("syscr:")[2].split()[0])


def _record_of(pix: Pixstore, image_id: str) -> Callable[[], Awaitable[object]]:
    return lambda: pix.get_image_record(image_id)


async def _median_seconds(operations: list[Callable[[], Awaitable[object]]]) -> float:
    times = []
    for operation in operations:
        started = time.perf_counter()
        await operation()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


async def _measure_log(plan: Plan, folder: Path, found: Findings, progress: Progress) -> None:
    """Save many images and look at the write-ahead log after each."""
    path = folder / "log.db"
    log = path.with_name("log.db-wal")
    most = 0
    async with Pixstore(path, secret=bytes(32)) as pix:
        for _ in range(plan.log_saves):
            await pix.save_image(png(_LOG_IMAGE_BYTES))
            most = max(most, log.stat().st_size)
    stored = plan.log_saves * _LOG_IMAGE_BYTES
    share = round(path.stat().st_size / stored, 4)
    found.rows.append(
        {
            "what": "log",
            "saves": plan.log_saves,
            "size": _LOG_IMAGE_BYTES,
            "most_bytes": most,
            "file_per_image_byte": share,
        }
    )
    progress.step(f"log: at most {size_label(most)}; file: {share:.3f} of the images' bytes")


def _measure_workers(plan: Plan, folder: Path, found: Findings, progress: Progress) -> None:
    """Ask uvicorn with one worker and with two; nothing is pinned, so load and workers share all cores."""
    folder.mkdir()
    size = plan.image_sizes[0]
    with saved_images(folder, (size,)) as (images, files):
        for number in range(plan.rounds):
            for workers in _WORKERS[:: -1 if number % 2 else 1]:
                with asgi("uvicorn", "pixstore", images, files, None, workers=workers) as contestant:
                    load = run_load(contestant, plan, Case(HOT, size, _WORKER_CONNECTIONS), None).load
                found.rows.append(
                    {
                        "what": "workers",
                        "workers": workers,
                        "round": number,
                        "size": size,
                        "requests_per_s": round(load.requests_per_s, 2),
                        "wrong": load.wrong,
                    }
                )
                progress.step(f"{workers} workers, {size_label(size)}: {load.requests_per_s:,.0f} requests/s")
