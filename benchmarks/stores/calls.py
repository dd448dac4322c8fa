"""The cost of saves, reads and records by the image's place, called in this process."""

import statistics
import time
from collections.abc import Iterator, Sequence

from pixstore_asgi import ImageRecord, Payload, Pixstore, PixstoreApp

from ..asgi_call import AsgiCall
from ..cpu import cpu_seconds
from ..own_images import check_payload
from ..pictures import png
from ..plan import KB, MB, Plan
from ..runs import Row
from ..saves import save_for
from .places import Place

SAVES, READ, RECORDS = "saves", "read", "records"
LAST_BYTE, LAST_BYTE_UNCACHED = "last byte", "last byte, uncached"
AT_ONCE = (1, 16)
RECORDS_AT_ONCE = 100
_LAST_BYTES = 50  # requests
_READ_S = _RECORDS_S = 0.3


def saves(places: Sequence[Place], plan: Plan, number: int) -> Iterator[Row]:
    """Save images of each size, alone and 16 at once, at one place after the other."""
    for size in plan.stores_sizes:
        for at_once in AT_ONCE:
            for place in places[:: -1 if number % 2 else 1]:
                yield {
                    "contestant": place.name,
                    "load": SAVES,
                    "round": number,
                    "size": size,
                    "concurrent": at_once,
                    **_saved(place, size, at_once, plan.stores_saves_s),
                }


def _saved(place: Place, size: int, at_once: int, seconds: float) -> Row:
    """Return the saves per second, and the CPU and PostgreSQL log bytes of one save."""
    database_before, log_before = _database_s(place), _log_bytes(place)
    started, used = time.perf_counter(), time.process_time()
    saved = place.images.run(save_for(place.images.pix, png(size), at_once, seconds))
    used, took = time.process_time() - used, time.perf_counter() - started
    found: Row = {
        "saves_per_s": round(len(saved) / took, 2),
        "cpu_us": round(used / len(saved) * 1e6, 1),
    }
    if place.cluster:
        found["database_us"] = round((_database_s(place) - database_before) / len(saved) * 1e6, 1)
        found["log_bytes"] = round((_log_bytes(place) - log_before) / len(saved))
    return found


def _database_s(place: Place) -> float:
    return 0.0 if place.database_pid is None else cpu_seconds(place.database_pid)


def _log_bytes(place: Place) -> int:
    return int(place.cluster.run("SELECT pg_current_wal_insert_lsn() - '0/0'")) if place.cluster else 0


def reads(places: Sequence[Place], plan: Plan, number: int) -> Iterator[Row]:
    """Read one image of each size again and again, with no memory of Pixstore's and no server."""
    for size in plan.stores_sizes:
        for place in places[:: -1 if number % 2 else 1]:
            own = place.images
            pix = Pixstore(own.database, blobs=own.blobs, secret=own.secret, cache_bytes=0)
            yield {
                "contestant": place.name,
                "load": READ,
                "round": number,
                "size": size,
                **own.run(_read(pix, own.record(size), size)),
            }


async def _read(uncached: Pixstore, record: ImageRecord, size: int) -> Row:
    """Return the reads per second, and the CPU of one read."""
    async with uncached as pix:
        check_payload(b"".join([piece async for piece in await _open(pix, record)]), record, png(size))
        count, started, used = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - started < _READ_S:
            async for _ in await _open(pix, record):
                pass
            count += 1
        used, took = time.process_time() - used, time.perf_counter() - started
    return {"reads_per_s": round(count / took, 2), "cpu_us": round(used / count * 1e6, 2)}


async def _open(pix: Pixstore, record: ImageRecord) -> Payload:
    return await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)


def last_bytes(places: Sequence[Place], plan: Plan, number: int) -> Iterator[Row]:
    """Ask for the last byte of a long image, with Pixstore's memory and without; the median time of many."""
    for cache_bytes, load in ((4 * plan.read_image_bytes + MB, LAST_BYTE), (0, LAST_BYTE_UNCACHED)):
        for place in places[:: -1 if number % 2 else 1]:
            own = place.images
            pix = Pixstore(
                own.database, blobs=own.blobs, secret=own.secret, cache_bytes=cache_bytes, ciphertext_url="/"
            )
            yield {
                "contestant": place.name,
                "load": load,
                "round": number,
                "size": plan.read_image_bytes,
                **own.run(_last_byte(pix, own.record(plan.read_image_bytes))),
            }


async def _last_byte(pix: Pixstore, saved: ImageRecord) -> Row:
    async with pix:
        record = await pix.get_image_record(saved.id)
        assert record is not None
        app = PixstoreApp(pix, public_ciphertext=True)
        whole = AsgiCall(app, record)
        last = (await whole.body())[-1:]
        await whole.body()  # the second one is kept in memory
        call = AsgiCall.for_last_byte(app, record)
        times = []
        for _ in range(_LAST_BYTES):
            started = time.perf_counter()
            byte = await call.body()
            times.append(time.perf_counter() - started)
            if byte != last:
                raise RuntimeError("a range request did not give the last byte")
    return {"seconds": statistics.median(times)}


def records(places: Sequence[Place], ids: dict[str, list[str]], number: int) -> Iterator[Row]:
    """Ask for the records of the same images again and again, all of them by one call; the time is of one record."""
    for place in places[:: -1 if number % 2 else 1]:
        count, started, used = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - started < _RECORDS_S:
            count += len(place.images.records(ids[place.name]))
        used, took = time.process_time() - used, time.perf_counter() - started
        yield {
            "contestant": place.name,
            "load": RECORDS,
            "round": number,
            "size": KB,
            "seconds": took / count,
            "cpu_us": round(used / count * 1e6, 2),
        }
