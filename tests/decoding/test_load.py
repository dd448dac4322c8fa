"""Many pictures at once, bombs among them: every answer is right, and the processes stay within the limits."""

import asyncio
import resource
import sys
import threading

import pytest
from PIL import Image

from pixstore_asgi.decoding import Decoded, Decoder, Variant, pool
from pixstore_asgi.errors import InvalidImage
from tests.decoding.conftest import MakeDecoder
from tests.decoding.made import FORMATS, encoded, long_gif, opened, photo, quarters, still_gif, zeros_png
from tests.decoding.processes import children, descendants, fork_servers, status
from tests.decoding.stall import Stall

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")]

PROCESSES = 2
MEMORY = 150 * 1024 * 1024
BOMBS = [
    ("png", zeros_png(20_000, 5_001)),
    ("png", zeros_png(10_000, 9_900)),
    ("gif", long_gif(1, 100_000)),
    ("gif", still_gif(3000, 3000, 990)),  # 8.9 gigapixels: ten times the work of a second on a quick machine
    ("jpeg", encoded(Image.new("L", (15_000, 9_000)), "jpeg")),
]


class Watch(threading.Thread):
    """Looks at all processes of the decoder again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.most_processes = self.most_bytes = 0
        self.has_ended = threading.Event()

    def run(self) -> None:
        while not self.has_ended.wait(0.02):
            pids = descendants()
            self.most_processes = max(self.most_processes, len(pids))
            self.most_bytes = max(self.most_bytes, sum(status(pid, "VmRSS") * 1024 for pid in pids))


async def outcome(decoder: Decoder, kind: str, data: bytes) -> Decoded | None:
    try:
        return await decoder.decode([data], kind)
    except InvalidImage:
        return None


async def test_fifty_at_once_of_which_five_are_bombs(
    make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each picture has its own size and colours, each bomb is refused, and no more processes run than may."""
    monkeypatch.setattr(pool, "_MAX_WAIT_S", 110)  # bombs come last, and machines that test have other work
    decoder = make_decoder(
        [Variant("v", 40, format="png")],
        placeholder=True,
        processes=PROCESSES,
        max_cpu_s=1,
        max_memory_bytes=MEMORY,
        max_total_pixels=10**11,  # the processor's time is the limit of the long GIF
    )
    pictures = [(kind, encoded(quarters(60 + 2 * n, 40 + n), kind)) for n in range(9) for kind in FORMATS]
    mixed = [*pictures]
    for number, bomb in enumerate(BOMBS):
        mixed.insert(number * 10, bomb)
    watch = Watch()
    watch.start()
    async with Stall() as stall:
        outcomes = await asyncio.gather(*(outcome(decoder, *each) for each in mixed))
    watch.has_ended.set()
    watch.join()
    print(f"{stall}, most memory {watch.most_bytes / 2**20:.0f} MiB")
    assert [out is None for out in outcomes].count(True) == len(BOMBS)
    wrong = 0
    for (kind, data), out in zip(mixed, outcomes, strict=True):
        if (kind, data) in BOMBS:
            wrong += out is not None
        else:
            wrong += out is None or (out.width, out.height) != opened(data).size or len(out.variants) != 1
    assert wrong == 0
    assert watch.most_processes <= 1 + PROCESSES
    assert watch.most_bytes <= (1 + PROCESSES) * 100 * 1024 * 1024 + PROCESSES * MEMORY
    assert not children(fork_servers()[0])


async def test_the_event_loop_goes_on_while_photos_are_made_smaller(make_decoder: MakeDecoder) -> None:
    """Two photos of 12 megapixels, three sizes of each, come back while the event loop has done other things."""
    decoder = make_decoder([Variant(f"v{side}", side, side) for side in (320, 960, 1600)], placeholder=True)
    data = photo(4000, 3000)
    pieces = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]
    before = resource.getrusage(resource.RUSAGE_SELF)
    async with Stall() as stall:
        outcomes = await asyncio.gather(*(decoder.decode(pieces, "jpeg") for _ in range(2)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{stall}, processor time of the application {spent_s:.2f} s")
    assert all(out == outcomes[0] for out in outcomes)
    assert [made.width for made in outcomes[0].variants.values()] == [320, 960, 1600]
