"""How long an event loop was held up."""

import asyncio
import time
from types import TracebackType
from typing import Self

_STEP_S = 0.001


class Stall:
    """Measures the event loop while its block lasts.

    longest_s: the longest that it did not come to a timer, which on a busy machine may be for want of a processor.
    longest_cpu_s: the most that its thread computed meanwhile.
    """

    longest_s = longest_cpu_s = 0.0

    async def _watch(self) -> None:
        while True:
            begun, begun_cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_STEP_S)
            self.longest_s = max(self.longest_s, time.perf_counter() - begun - _STEP_S)
            self.longest_cpu_s = max(self.longest_cpu_s, time.thread_time() - begun_cpu)

    def __str__(self) -> str:
        return f"longest stall {self.longest_s * 1000:.0f} ms, {self.longest_cpu_s * 1000:.0f} ms of them computing"

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watching.cancel()
