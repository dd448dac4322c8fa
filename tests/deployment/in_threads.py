"""Work in threads of their own, which goes on until a block ends."""

import threading
from collections.abc import Callable, Sequence
from typing import Self


class InThreads:
    """Runs each work in a thread until the block ends. A work looks at `_ends` to notice that.

    A work pauses between its requests: clients without a pause only take the processor from the servers.
    """

    def __init__(self, works: Sequence[Callable[[], None]]) -> None:
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=work) for work in works]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()
