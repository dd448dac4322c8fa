"""The part `stores`: every place for images in turn, in rounds."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ..environment import missing_programs
from ..memory import MIB, peak_with_readers
from ..plan import KB, Findings, Plan, size_label
from ..progress import Progress
from ..runs import Row, server_core
from . import calls, gets, rows
from .places import POSTGRES, SQLITE, Place, places

MEMORY, READS = "memory", "reads"


def case_names(plan: Plan) -> list[str]:
    """Return the names that `--case` accepts."""
    return [MEMORY, READS, calls.SAVES]


def measure(plan: Plan) -> Findings:
    """Measure the available places, and name the missing programs of the others."""
    found = Findings(missing=missing_programs("wrk", "postgres", "weed"))
    if missing_programs("wrk"):
        return found
    brief = replace(plan, warm_s=0, readers=plan.stores_readers, read_s=plan.stores_read_s)
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, places(Path(name)) as compared:
        for place in compared:
            place.images.save({*plan.stores_sizes, gets.SMALL, plan.read_image_bytes})
        progress = Progress("stores", 0)
        for row in _rows(compared, brief):
            found.rows.append(row)
            progress.say(_label(row))
    return found


def _rows(compared: Sequence[Place], plan: Plan) -> Iterator[Row]:
    if plan.has_case(MEMORY):
        for place in compared:
            yield _memory(place, plan)
            if place.name == f"{SQLITE} + S3":
                yield _memory(place, plan, MALLOC_ARENA_MAX="1")
    if plan.has_case(READS):
        yield from _reads(compared, plan)
    if plan.case is None:
        yield from _records_and_rows(compared, plan)
    if plan.has_case(calls.SAVES):
        for number in range(plan.few_rounds):
            yield from calls.saves(compared, plan, number)


def _reads(compared: Sequence[Place], plan: Plan) -> Iterator[Row]:
    with ExitStack() as stack:
        contestants = {
            load: [stack.enter_context(gets.served(place, load, server_core())) for place in compared]
            for load in (gets.CACHED, gets.UNCACHED)
        }
        for number in range(plan.few_rounds):
            yield from gets.first_bytes(contestants[gets.UNCACHED], plan, number)
            yield from gets.gets(contestants, plan, number)
            yield from calls.reads(compared, plan, number)
            yield from calls.last_bytes(compared, plan, number)
            for place, contestant in zip(compared, contestants[gets.CACHED], strict=True):
                if place.name == POSTGRES:
                    yield from gets.queries(place, contestant, plan, number)


def _records_and_rows(compared: Sequence[Place], plan: Plan) -> Iterator[Row]:
    ids = {place.name: place.images.save_copies(KB, calls.RECORDS_AT_ONCE) for place in compared}
    for number in range(plan.few_rounds):
        yield from calls.records(compared, ids, number)
        yield from gets.workers([place for place in compared if place.images.blobs is None], plan, number)
    for place in compared:
        if place.cluster:
            yield rows.row_bytes(place, plan) if place.images.blobs else rows.body_bytes(place)


def _memory(place: Place, plan: Plan, **environment: str) -> Row:
    with gets.served(place, gets.UNCACHED, None, workers=1, **environment) as contestant:
        idle, most = peak_with_readers(contestant, plan)
    return {
        "contestant": ", ".join([place.name, *(f"{name}={value}" for name, value in environment.items())]),
        "load": MEMORY,
        "readers": plan.readers,
        "size": plan.read_image_bytes,
        "idle_mib": round(idle / MIB, 1),
        "above_idle_mib": round((most - idle) / MIB, 1),
    }


def _label(row: Row) -> str:
    size = [size_label(int(row["size"]))] if "size" in row else []
    told = [f"{name} {value}" for name, value in row.items() if name not in ("contestant", "load", "size", "round")]
    return ", ".join([f"{row['contestant']}, {row['load']}", *size, *told])
