"""The memory of a browser's processes, read as a debugger reads it."""

import contextlib
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.browser.engines.page import Engine
from tests.support.tools import go_without

PROGRAMS = {"chromium": "chrom", "firefox": "firefox", "webkit": "WebKit|MiniBrowser"}
"""An expression for the file names of each engine's programs."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
ENTRY_BYTES = 8
"""The length of an entry in /proc/PID/pagemap. Its last byte is 64 or more if the page has content."""

HAS_CONTENT = bytes(last >= 64 for last in range(256))


def memory_of(engine: Engine) -> Iterator[bytes]:
    """Return the writable memory of all processes of an engine that this process has started, piece by piece.

    Memory that was freed and not reused is included. Skips the test if the system forbids it.
    """
    for process in _descendants(os.getpid()):
        # A process, or a part of its memory, may be gone meanwhile.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if re.search(PROGRAMS[engine.name], (process / "exe").readlink().name):
                yield from _written(process)


def _descendants(process: int) -> Iterator[Path]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            children[int(parent)].append(int(folder.name))
    found = [process]
    for each in found:  # grows meanwhile
        found += children[each]
    return (Path("/proc", str(each)) for each in found)


def _written(process: Path) -> Iterator[bytes]:
    try:
        with (process / "mem").open("rb", 0) as memory, (process / "pagemap").open("rb", 0) as pagemap:
            for start, end in _writable(process):
                # Browsers reserve gigabytes that they never use.
                pagemap.seek(start // PAGE_BYTES * ENTRY_BYTES)
                entries = pagemap.read((end - start) // PAGE_BYTES * ENTRY_BYTES)
                pages = entries[ENTRY_BYTES - 1 :: ENTRY_BYTES].translate(HAS_CONTENT)
                for run in re.finditer(b"\1+", pages):
                    with contextlib.suppress(OSError):
                        memory.seek(start + run.start() * PAGE_BYTES)
                        yield memory.read(len(run[0]) * PAGE_BYTES)
    except PermissionError:
        go_without("the memory of a browser's processes is secret: run the tests as root")


def _writable(process: Path) -> list[tuple[int, int]]:
    """Return start and end of each writable mapping (proc_pid_maps(5))."""
    lines = [line.split(maxsplit=2) for line in (process / "maps").read_text().splitlines()]
    ranges = [addresses.split("-") for addresses, mode, _ in lines if mode[1] == "w"]
    return [(int(start, 16), int(end, 16)) for start, end in ranges]
