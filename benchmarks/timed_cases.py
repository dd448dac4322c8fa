"""The cases of the part `in-process`, timed by pyperf: `python -m benchmarks.timed_cases --group GROUP -o FILE`.

pyperf runs each case in a fresh process, and starts this module again for it.
"""

import asyncio
import hmac
import secrets
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyperf
import uvloop
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

from pixstore_asgi import Pixstore, PixstoreApp, decode_payload
from pixstore_asgi.core.cipher import Sealer, unwrap_key, wrap_key
from pixstore_asgi.core.images import ImageMeta
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.core.proof import ProofKeys, ProofTerms, ProofWindows
from pixstore_asgi.core.wire import encode_state, encode_updated_head
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.sqlite import SqliteStore

from .asgi_call import AsgiCall
from .own_images import check_payload
from .pictures import png

RECORDS = 100
_COLD_IMAGES = 500
_BLOCK_BYTES = 16
_IMAGE_ID = "bench:kth1m9c4n8l2a7vzkth1m9"
_TOKEN = 1_795_559_342_725
_NOW_MS = 1_795_559_350_000

Once = Callable[[], Awaitable[object]]
Prepare = Callable[[Pixstore, SqliteStore], Awaitable[Once]]


def main() -> None:
    """Time the cases of one group."""
    runner = pyperf.Runner(program_args=("-m", "benchmarks.timed_cases"), add_cmdline_args=_pass_group_on)
    runner.argparser.add_argument("--group", required=True)
    name, _, size = runner.parse_args().group.partition("-")
    cases: dict[str, Callable[..., None]] = {
        "proof": _time_proofs,
        "wire": _time_wire,
        "keywrap": _time_key_wrap,
        "records": _time_records,
        "seal": _time_sealing,
        "store": _time_store,
        "request": _time_request,
    }
    cases[name](runner, *([int(size)] if size else []))


def _pass_group_on(command: list[str], arguments: Namespace) -> None:
    command += ["--group", arguments.group]


def _time_proofs(runner: Any) -> None:
    keys, terms = ProofKeys(KeyRing(secrets.token_bytes(32)), ProofWindows()), ProofTerms()
    issue = partial(keys.issue, terms, image_id=_IMAGE_ID, token=_TOKEN, now_ms=_NOW_MS)
    verify = partial(keys.verify, terms, issue(), image_id=_IMAGE_ID, token=_TOKEN, now_ms=_NOW_MS)
    # As long as the input of a proof's MAC: head 15, token 8, id with its length, audience's length.
    message = bytes(15 + 8 + 2 + len(_IMAGE_ID) + 2)
    runner.bench_func("hmac.digest", hmac.digest, secrets.token_bytes(32), message, "sha256")
    runner.bench_func("proof issue", issue)
    runner.bench_func("proof verify", verify)


def _time_wire(runner: Any) -> None:
    key, iv, tag = secrets.token_bytes(32), secrets.token_bytes(12), secrets.token_bytes(16)
    updated = encode_updated_head(_TOKEN, key, iv, tag) + bytes(1000)
    success = encode_state(decode_payload(b"\0x").state) + bytes(1000)
    runner.bench_func("wire encode Updated head", encode_updated_head, _TOKEN, key, iv, tag)
    runner.bench_func("wire decode Updated, 1 KB", decode_payload, updated)
    runner.bench_func("wire decode Success, 1 KB", decode_payload, success)


def _time_key_wrap(runner: Any) -> None:
    ring, key = KeyRing(secrets.token_bytes(32)), secrets.token_bytes(32)
    meta = ImageMeta(
        version=bytes(16), format=1, iv=bytes(12), tag=bytes(16), size=30_000, sha256=None, wrapped_key=b""
    )
    wrapped = wrap_key(ring, key, _IMAGE_ID, meta)
    runner.bench_func("key wrap", wrap_key, ring, key, _IMAGE_ID, meta)
    runner.bench_func("key unwrap", unwrap_key, ring, _IMAGE_ID, wrapped)


def _time_sealing(runner: Any, size: int) -> None:
    image = png(size)
    pieces = [image[start : start + CHUNK_BYTES] for start in range(0, size, CHUNK_BYTES)]

    def seal(pieces: list[bytes]) -> None:
        sealer = Sealer(key=bytes(32), iv=bytes(12), format_byte=1)
        for piece in pieces:
            sealer.update(piece)
        sealer.finish()

    sealed = bytearray(size + _BLOCK_BYTES)  # update_into wants room for one block more

    def encrypt() -> None:
        encryptor = Cipher(AES256(bytes(32)), GCM(bytes(12))).encryptor()
        encryptor.update_into(image, sealed)
        encryptor.finalize()

    runner.bench_func(f"seal at once, {size}", seal, [image])
    runner.bench_func(f"seal streamed, {size}", seal, pieces)
    runner.bench_func(f"AES-256-GCM, {size}", encrypt)


def _time_records(runner: Any) -> None:
    runner.bench_time_func("get_image_record, cold", _timed_cold_records)
    _bench_async(runner, "get_image_record, hot", _hot_record)
    for cached in (True, False):
        name = f"get_image_records{_suffix(cached)}, per record"
        _bench_async(runner, name, _many_records, inner_loops=RECORDS, cached=cached)


def _time_store(runner: Any, size: int) -> None:
    _bench_async(runner, f"store first chunk, {size}", partial(_first_chunk, size))
    _bench_async(runner, f"store whole read, {size}", partial(_whole_read, size))


def _time_request(runner: Any, size: int) -> None:
    for cached in (True, False):
        _bench_async(runner, f"ASGI request{_suffix(cached)}, {size}", partial(_asgi_request, size), cached=cached)


def _suffix(cached: bool) -> str:
    return "" if cached else " without cache"


def _bench_async(runner: Any, name: str, prepare: Prepare, *, inner_loops: int = 1, cached: bool = True) -> None:
    """Time the function that `prepare` returns; each value gets a separate store and event loop, outside the timing.

    cached: the Pixstore keeps images in memory, as by default, so all calls but the first two find them there.
    """

    async def timed(loops: int) -> float:
        async with _opened(cached=cached) as (pix, store):
            once = await prepare(pix, store)
            await once()
            await once()
            started = time.perf_counter()
            for _ in range(loops):
                await once()
            return time.perf_counter() - started

    runner.bench_time_func(name, lambda loops: _run(timed(loops)), inner_loops=inner_loops)


def _run(work: Any) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@asynccontextmanager
async def _opened(*, cached: bool = True) -> AsyncIterator[tuple[Pixstore, SqliteStore]]:
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as folder:
        store = SqliteStore(Path(folder) / "pixstore.db")
        secret = secrets.token_bytes(32)
        async with Pixstore(store, secret=secret) if cached else Pixstore(store, secret=secret, cache_bytes=0) as pix:
            yield pix, store


def _timed_cold_records(loops: int) -> float:
    return float(_run(_cold_records(loops)))


async def _cold_records(loops: int) -> float:
    """Time the first record of each image since the store was opened; it is opened again when all have been read."""
    total = 0.0
    async with _opened() as (pix, _):
        ids = [(await pix.save_image(png(1000))).id for _ in range(_COLD_IMAGES)]
        for number in range(loops):
            if number % _COLD_IMAGES == 0:
                await pix.close()
                await pix.open()
            started = time.perf_counter()
            await pix.get_image_record(ids[number % _COLD_IMAGES])
            total += time.perf_counter() - started
    return total


async def _hot_record(pix: Pixstore, store: SqliteStore) -> Once:
    saved = await pix.save_image(png(1000))
    return partial(pix.get_image_record, saved.id)


async def _many_records(pix: Pixstore, store: SqliteStore) -> Once:
    ids = [(await pix.save_image(png(1000))).id for _ in range(RECORDS)]
    if len(await pix.get_image_records(ids)) != RECORDS:
        raise RuntimeError("not every record was found")
    return partial(pix.get_image_records, ids)


async def _first_chunk(size: int, pix: Pixstore, store: SqliteStore) -> Once:
    record = await pix.save_image(png(size))

    async def once() -> None:
        stream = await store.open_stream(record.id)
        assert stream is not None
        await anext(stream)
        await stream.aclose()

    return once


async def _whole_read(size: int, pix: Pixstore, store: SqliteStore) -> Once:
    record = await pix.save_image(png(size))

    async def once() -> None:
        stream = await store.open_stream(record.id)
        assert stream is not None
        read = 0
        async for chunk in stream:
            read += len(chunk)
        assert read == size + 1

    return once


async def _asgi_request(size: int, pix: Pixstore, store: SqliteStore) -> Once:
    record = await pix.save_image(png(size))
    call = AsgiCall(PixstoreApp(pix), record)
    check_payload(await call.body(), record, png(size))

    async def once() -> None:
        assert await call.length() == size + 2

    return once


if __name__ == "__main__":
    main()
