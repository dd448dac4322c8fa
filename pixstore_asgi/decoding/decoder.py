"""Decoder: pictures in, what is known of them out; each is decoded in a process of its own."""

import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.util import find_spec

import anyio

from ..errors import ConfigError, InvalidImage
from ..loops import PerLoop
from ..process import close_in_child
from .holding import Budget
from .pool import Pool
from .task import (
    DEFAULT_MAX_CPU_S,
    DEFAULT_MAX_FRAMES,
    DEFAULT_MAX_MEMORY_BYTES,
    DEFAULT_MAX_PIXELS,
    DEFAULT_MAX_TOTAL_PIXELS,
    DEFAULT_MAX_WALL_S,
    Decoded,
    Limits,
    Refusal,
    Task,
    Variant,
)

_CODECS = ("jpg", "zlib", "webp", "avif", "littlecms2")


class Decoder:
    """Decodes pictures within limits, and makes variants and placeholders of them.

    variants: what to make of each. placeholder: whether its ThumbHash too. processes: how many pictures are decoded at
    once, by default one for each core; the others wait. max_…: as in Limits. Starts nothing before its
    first use. task: what it does with each picture. budget: memory for pictures that arrive. Raises ConfigError for
    options that can't be, and if the extra `images` is not installed.
    """

    def __init__(
        self,
        variants: Iterable[Variant] = (),
        *,
        placeholder: bool = False,
        processes: int | None = None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        max_total_pixels: int = DEFAULT_MAX_TOTAL_PIXELS,
        max_frames: int = DEFAULT_MAX_FRAMES,
        max_cpu_s: int = DEFAULT_MAX_CPU_S,
        max_wall_s: float = DEFAULT_MAX_WALL_S,
        max_memory_bytes: int = DEFAULT_MAX_MEMORY_BYTES,
    ) -> None:
        _require_pillow()
        self._limits = Limits(max_pixels, max_total_pixels, max_frames, max_cpu_s, max_wall_s, max_memory_bytes)
        self.task = Task(tuple(variants), placeholder, self._limits)
        self.processes = _cores() if processes is None else processes
        if self.processes < 1:
            raise ConfigError("processes must be at least 1")
        self.budget = Budget()
        self._pools: PerLoop[Pool] = PerLoop(Pool.drop)
        close_in_child(self, Decoder._forget)

    async def decode(self, pieces: Sequence[bytes | memoryview], format: str) -> Decoded:
        """Decode a picture, every frame of it, and return what is known of it and made of it.

        pieces: its bytes, one piece after another. format: by its name, such as "jpeg"; no other is tried. Raises
        InvalidImage where it does not decode or takes more than the limits allow, and StoreBusy where the machine can't
        start a process to decode it: nothing was done, and it can be tried again.
        """
        pool = self._pools.get_or_make(partial(Pool, self.task, self.processes))
        outcome = await pool.decode(pieces, format)
        if isinstance(outcome, Refusal):
            raise InvalidImage(outcome.text(format, self._limits))
        return outcome

    async def close(self) -> None:
        """End this event loop's processes, once they have decoded what they have; the next `decode` starts new ones."""
        pool = self._pools.pop()
        if pool is not None:
            with anyio.CancelScope(shield=True):
                await pool.close()

    def _forget(self) -> None:
        for pool in self._pools.values():
            pool.abandon()
        self._pools.clear()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _require_pillow() -> None:
    if sys.platform == "win32":
        raise ConfigError("images are decoded in forked processes, which Windows does not have")
    if not find_spec("PIL"):
        raise ConfigError("decoding images needs Pillow: install pixstore-asgi with the extra images")
    from PIL import features

    if missing := [codec for codec in _CODECS if not features.check(codec)]:
        raise ConfigError(f"this Pillow was built without {', '.join(missing)}: pip install --force-reinstall pillow")
    if not sys.executable:
        raise ConfigError("the processes that decode images are started by sys.executable, which is empty here")
