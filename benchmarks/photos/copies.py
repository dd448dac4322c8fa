"""The processor time of making smaller copies of a photo, without storing them: this package, Pillow by hand, sharp."""

import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixstore_asgi.decoding import Decoder

from ..cpu import children, cpu_seconds
from ..environment import NPM_FOLDER, missing_programs
from ..plan import Plan
from ..runs import Row
from .photo import photo, read_photo
from .ways import BY_HAND, COPIES, OURS, Copies, copies_by_hand, variants

MAKING = "copies"
THREE, ONE = "three copies", "one copy"
SHARP = "sharp"
IMGPROXY = (("only", 512, "jpeg"),)
"""The one copy of imgproxy's published benchmark."""

_IMGPROXY_PHOTO = (2_040, 1_360)
_SCRIPT = Path(__file__).with_name("copies.mjs")

Make = Callable[[], Sequence[bytes]]
"""Makes the copies, and returns them."""


@dataclass(frozen=True, slots=True)
class Task:
    """One photo, and its copies."""

    name: str
    size: tuple[int, int]
    kind: str
    copies: Copies

    @property
    def megapixels(self) -> float:
        """Its pixels in millions."""
        return self.size[0] * self.size[1] / 1e6


def making(plan: Plan, number: int) -> Iterator[Row]:
    """Make the copies by one way after the other, and yield the processor time of all its processes for one photo."""
    tasks = [Task(THREE, plan.photo_size, kind, COPIES) for kind in plan.photos_formats]
    for task in [*tasks, Task(ONE, _IMGPROXY_PHOTO, "jpeg", IMGPROXY)]:
        ways = _WAYS if not missing_programs("node", "npm sharp") else {k: v for k, v in _WAYS.items() if k != SHARP}
        for name in list(ways)[:: -1 if number % 2 else 1]:
            yield {
                "contestant": name,
                "load": MAKING,
                "round": number,
                "task": task.name,
                "format": task.kind,
                "size": len(photo(task.size, task.kind)),
                "megapixels": task.megapixels,
                "cpu_s": _cpu_s(ways[name], task, max(1, round(plan.photos_copied / task.megapixels))),
            }


def _cpu_s(way: "Callable[[Task], contextlib.AbstractContextManager[Make]]", task: Task, count: int) -> float:
    """Return the processor time for one photo, after a first one whose copies are looked at."""
    with way(task) as make:
        check_copies(make(), task)
        used = _all_cpu_s()
        for _ in range(count):
            make()
        return (_all_cpu_s() - used) / count


def _all_cpu_s() -> float:
    """Return the processor time of this process and of all below; the kernel tells that of others in 10 ms."""
    return time.process_time() + sum(map(cpu_seconds, children(os.getpid())))


def check_copies(copies: Sequence[bytes], task: Task) -> None:
    """Raise RuntimeError unless these are all copies, in their sizes and formats."""
    width, height = task.size
    wanted = [(kind.upper(), (copy, round(height * copy / width))) for _, copy, kind in task.copies]
    found = [(picture.format, picture.size) for picture in map(read_photo, copies)]
    if found != wanted:
        raise RuntimeError(f"made were {found}, not {wanted}")


@contextlib.contextmanager
def ours(task: Task) -> Iterator[Make]:
    """Make the copies as a save does, in a process for each photo."""
    decoder, data = Decoder(variants(task.copies), processes=1), photo(task.size, task.kind)
    with asyncio.Runner() as runner:

        def make() -> Sequence[bytes]:
            decoded = runner.run(decoder.decode([data], task.kind))
            return [variant.data for variant in decoded.variants.values()]

        try:
            yield make
        finally:
            runner.run(decoder.close())


@contextlib.contextmanager
def by_hand(task: Task) -> Iterator[Make]:
    """Make the copies with Pillow, in this process."""
    yield lambda: copies_by_hand(photo(task.size, task.kind), task.copies)


@contextlib.contextmanager
def sharp(task: Task) -> Iterator[Make]:
    """Make the copies with sharp, in a process of Node that makes one photo's copies for each line it reads."""
    pipe = subprocess.PIPE
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as folder:
        file = Path(folder) / "photo"
        file.write_bytes(photo(task.size, task.kind))
        copies = json.dumps([{"width": width, "kind": kind} for _, width, kind in task.copies])
        environment = {**os.environ, "PIXSTORE_NPM_MODULES": str(NPM_FOLDER)}
        command = ["node", str(_SCRIPT), str(file), copies]
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
            asking, answers = process.stdin, process.stdout
            assert asking is not None
            assert answers is not None
            files = answers.readline().split()

            def make() -> Sequence[bytes]:
                asking.write("\n")
                asking.flush()
                if not answers.readline():
                    raise RuntimeError(f"sharp ended with code {process.wait()}")
                return [Path(made).read_bytes() for made in files]

            yield make
            asking.close()


_WAYS = {OURS: ours, BY_HAND: by_hand, SHARP: sharp}
