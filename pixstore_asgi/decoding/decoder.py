"""Decoder: decodes each picture in a process of its own, and makes its variants and placeholder."""

import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.util import find_spec

import anyio

from ..errors import ConfigError, InvalidImage
from ..process import PerLoop, close_in_child
from .holding import Budget
from .pool import Pool
from .task import Decoded, Focus, Limits, Refusal, Task, Variant

_CODECS = ("jpg", "zlib", "webp", "avif", "littlecms2")


class Decoder:
    """Decodes pictures within limits, and makes their variants and placeholders.

    It starts no process before its first use. Raises ConfigError for invalid options, or if the extra `images` is not
    installed.

    Args:
        variants: The variants to make of each picture.
        placeholder: Whether to make a ThumbHash of each picture.
        processes: How many pictures to decode at the same time. The others wait. Default: one for each core.
        limits: The limits for one picture. Default: those of Limits.

    Attributes:
        task: The variants, placeholder and limits of each picture.
        budget: The memory for arriving pictures.
    """

    def __init__(
        self,
        variants: Iterable[Variant] = (),
        *,
        placeholder: bool = False,
        processes: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        _require_pillow()
        self.task = Task(tuple(variants), placeholder, limits or Limits())
        self.processes = _cores() if processes is None else processes
        if self.processes < 1:
            raise ConfigError("processes must be at least 1")
        self.budget = Budget()
        self._pools: PerLoop[Pool] = PerLoop(Pool.drop)
        close_in_child(self, Decoder._forget)

    async def decode(self, pieces: Sequence[bytes | memoryview], format: str, focus: Focus | None = None) -> Decoded:
        """Decode every frame of a picture, and make its variants and placeholder.

        Args:
            pieces: The bytes of the picture.
            format: The name of its format, such as "jpeg". No other format is tried.
            focus: The focus of the cropped variants. None: each variant's own.

        Raises:
            InvalidImage: The picture does not decode, or exceeds a limit.
            StoreBusy: The worker process did not start, was killed or hung, or too many pictures wait. Retry.
        """
        pool = self._pools.get_or_make(partial(Pool, self.task, self.processes))
        outcome = await pool.decode(pieces, format, focus)
        if isinstance(outcome, Refusal):
            raise InvalidImage(outcome.text(format, self.task.limits))
        return outcome

    async def close(self) -> None:
        """End the processes of this event loop after their current pictures. The next `decode` starts new ones."""
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
        raise ConfigError("decoding images needs Pillow: pip install '.[images]' in the checkout")
    from PIL import features

    if missing := [codec for codec in _CODECS if not features.check(codec)]:
        raise ConfigError(f"this Pillow lacks {', '.join(missing)}: pip install --force-reinstall 'pillow>=13'")
    if not sys.executable:
        raise ConfigError("the processes that decode images are started by sys.executable, which is empty here")
