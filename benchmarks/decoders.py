"""The command `python -m benchmarks.decoders`: Pillow, as the package decodes with it, beside libvips.

Each picture is decoded in a forked process with the package's limits of time and memory: three sizes are made of it
within 1600, 960 and 320 pixels, JPEG of a JPEG and WebP of others. Of files that are damaged or made to harm it says
how many were refused, whether any crashed or ran out of its time, and the most CPU and memory that one took.
"""

import io
import os
import random
import resource
import signal
import statistics
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import pyvips
from PIL import Image

from pixstore_asgi.decoding.pictures import configure, decode
from pixstore_asgi.decoding.task import Limits, Task, Variant

from .markdown import table
from .pictures import photo

_SIDES = (1600, 960, 320)
_MAKE = Task(tuple(Variant(f"v{side}", side, side) for side in _SIDES), False, Limits())
_CHECK = Task((), False, Limits())
_ROUNDS = 3
_DAMAGED = 30  # of each kind
_VIPS_LOADERS = {
    "jpeg": "jpegload_buffer",
    "png": "pngload_buffer",
    "webp": "webpload_buffer",
    "gif": "gifload_buffer",
    "avif": "heifload_buffer",
}


class Run(NamedTuple):
    """The result of one process: ended (well, refused, crash, time), and took."""

    ended: str
    wall_s: float
    cpu_s: float
    peak_bytes: int


def _pillow(data: bytes, kind: str, *, checks: bool) -> None:
    decode(io.BytesIO(data), kind, _CHECK if checks else _MAKE)


def _vips(data: bytes, kind: str, *, checks: bool) -> None:
    """As one would: strict, by the loader of this format alone, all frames of an animation for a check."""
    options: dict[str, Any] = {"fail_on": "error", "access": "sequential"}
    if checks:
        frames = {"n": -1} if kind in {"gif", "webp"} else {}
        image = getattr(pyvips.Image, _VIPS_LOADERS[kind])(data, **options, **frames)
        if image.width * image.get_page_height() > _CHECK.limits.max_pixels:
            raise ValueError("pixels")
        image.avg()
        return
    largest = pyvips.Image.thumbnail_buffer(
        data, _SIDES[0], height=_SIDES[0], size="down", fail_on="error", output_profile="srgb"
    ).copy_memory()
    for side in _SIDES:
        made = largest.thumbnail_image(side, height=side, size="down")
        if kind == "jpeg":
            made.jpegsave_buffer(Q=80, keep="none", optimize_coding=True)
        else:
            made.webpsave_buffer(Q=80, keep="none")


_CONTESTANTS: dict[str, Callable[..., None]] = {"Pillow": _pillow, "libvips": _vips}


def _run(work: Callable[..., None], data: bytes, kind: str, *, checks: bool = False) -> Run:
    reading, writing = os.pipe()
    begun = time.perf_counter()
    own_bytes = _memory("resident")
    pid = os.fork()
    if pid == 0:
        said = b"refused"
        try:
            limits = _CHECK.limits
            resource.setrlimit(resource.RLIMIT_AS, (_memory("size") + limits.max_memory_bytes,) * 2)
            resource.setrlimit(resource.RLIMIT_CPU, (limits.max_cpu_s, limits.max_cpu_s + 1))
            work(data, kind, checks=checks)
            said = b"well"
        finally:
            os.write(writing, said)
            os._exit(0)
    os.close(writing)
    ended = os.read(reading, 10).decode()
    os.close(reading)
    _, status, used = os.wait4(pid, 0)
    if os.WIFSIGNALED(status):
        ended = "time" if os.WTERMSIG(status) == signal.SIGXCPU else "crash"
    took_bytes = max(0, used.ru_maxrss * 1024 - own_bytes)
    return Run(ended, time.perf_counter() - begun, used.ru_utime + used.ru_stime, took_bytes)


def _memory(which: str) -> int:
    """Return how many bytes of memory this process has, of the first two fields of statm, proc(5)."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[("size", "resident").index(which)]) * resource.getpagesize()


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def _pictures() -> tuple[list[tuple[str, str, bytes]], list[tuple[str, list[tuple[str, bytes]]]]]:
    return list(_photos()), list(_damaged())


def _photos() -> Iterator[tuple[str, str, bytes]]:
    small, large = photo(4000, 3000), photo(8064, 6048)
    yield "12 MP JPEG", "jpeg", _encoded(small, "jpeg", quality=90)
    yield "48 MP JPEG", "jpeg", _encoded(large, "jpeg", quality=90)
    yield "48 MP JPEG, progressive", "jpeg", _encoded(large, "jpeg", quality=90, progressive=True)
    yield "12 MP PNG", "png", _encoded(small, "png", compress_level=3)
    yield "12 MP WebP", "webp", _encoded(small, "webp", quality=80, method=2)
    yield "12 MP AVIF", "avif", _encoded(small, "avif", quality=60, speed=9)
    yield "48 MP AVIF", "avif", _encoded(large, "avif", quality=60, speed=10)


def _damaged() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    source = random.Random(1)
    frames = [photo(200, 150, seed) for seed in range(3)]
    yield "all whole", [(kind, _encoded(frames[0], kind)) for kind in _VIPS_LOADERS]
    for kind in _VIPS_LOADERS:
        whole = _encoded(frames[0], kind)
        yield f"{kind}, cut", [(kind, _cut(whole, source.uniform(0.05, 0.95))) for _ in range(_DAMAGED)]
        yield f"{kind}, a byte flipped", [(kind, _flipped(whole, source)) for _ in range(_DAMAGED)]
    for kind in ("gif", "webp"):
        several = _encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        yield f"{kind}, cut in its last frame", [(kind, _cut(several, source.uniform(0.7, 0.95))) for _ in range(10)]
    packed = zlib.compress(bytes(256 * 1024 * 1024))
    yield "png of 50,000 x 50,000", [("png", _zeros_png(50_000, 50_000))]
    yield "gif of 200,000 frames", [("gif", _many_frames(200_000))]
    yield "avif that claims 30,000 x 30,000", [("avif", _claiming_avif(30_000, 30_000))]
    yield "png, text of 256 MiB", [("png", _zeros_png(64, 64, b"zTXt", b"a\0\0" + packed))]
    yield "png, profile of 256 MiB", [("png", _zeros_png(64, 64, b"iCCP", b"a\0\0" + packed))]


def _cut(whole: bytes, share: float) -> bytes:
    return whole[: int(len(whole) * share)]


def _flipped(whole: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(whole))
    return whole[:at] + bytes([whole[at] ^ source.randrange(1, 256)]) + whole[at + 1 :]


def _zeros_png(width: int, height: int, kind: bytes = b"", data: bytes = b"") -> bytes:
    packer = zlib.compressobj()
    pixels = b"".join([packer.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)]) + packer.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)), (kind, data), (b"IDAT", pixels)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in [*chunks, (b"IEND", b"")]
        if kind
    )


def _many_frames(count: int) -> bytes:
    single = _encoded(Image.new("P", (1, 1)), "gif")
    begin = 13 + 3 * 2 ** (1 + single[10] % 8)
    return single[:begin] + single[begin:-1] * count + b";"


def _claiming_avif(width: int, height: int) -> bytes:
    data = _encoded(Image.new("RGB", (64, 64)), "avif")
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def main() -> None:
    """Measure both and print the tables."""
    configure(_CHECK.limits)
    pyvips.cache_set_max(0)
    # A process reuses freed memory without growing, so it must not have made the pictures itself.
    with get_context("spawn").Pool(1) as apart:
        photos, damaged = apart.apply(_pictures)
    print(table(["wall, CPU, peak memory", *_CONTESTANTS], map(_speed_row, photos)), end="\n\n", flush=True)
    print(table(["damaged, or made to harm", *_CONTESTANTS], map(_damage_row, damaged)))


def _speed_row(picture: tuple[str, str, bytes]) -> list[str]:
    label, kind, data = picture
    row = [label]
    for work in _CONTESTANTS.values():
        runs = [_run(work, data, kind) for _ in range(_ROUNDS)]
        assert all(run.ended == "well" for run in runs), (label, runs)
        wall, cpu, peak = (statistics.median(values) for values in list(zip(*runs, strict=True))[1:])
        row.append(f"{wall:.2f} s, {cpu:.2f} s, {peak / 2**20:.0f} MiB")
    return row


def _damage_row(damaged: tuple[str, list[tuple[str, bytes]]]) -> list[str]:
    label, files = damaged
    row = [label]
    for work in _CONTESTANTS.values():
        runs = [_run(work, data, kind, checks=True) for kind, data in files]
        counts = Counter(run.ended for run in runs)
        others = "".join(f", {name}: {counts[name]}" for name in ("time", "crash", "") if counts[name])
        longest, most = max(run.cpu_s for run in runs), max(run.peak_bytes for run in runs)
        row.append(f"{counts['refused']} of {len(files)}{others}; {longest:.2f} s, {most / 2**20:.0f} MiB")
    return row


if __name__ == "__main__":
    main()
