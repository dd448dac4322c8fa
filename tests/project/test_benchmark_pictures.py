"""The benchmark of pictures: saves, stripping, padding and pages are checked before they are timed."""

import asyncio
import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from benchmarks.cpu import cpu_seconds
from benchmarks.environment import missing_programs
from benchmarks.photos.copies import THREE, Task, by_hand, check_copies, ours, sharp
from benchmarks.photos.photo import FORMATS, photo, read_photo
from benchmarks.photos.resident import Peak, resident_bytes
from benchmarks.photos.saver import check_saved, image_of, longest_stall_s, save_all
from benchmarks.photos.treatments import SPREADS, check_stripped, lengths, metadata
from benchmarks.photos.ways import ALONE, BY_HAND, COPIES, EVERYTHING, OURS, WAYS
from benchmarks.plan import FULL, QUICK
from pixstore_asgi import ImageRecord, Pixstore
from tests.support.samples import picture
from tests.support.tools import go_without

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")]

SECRET = bytes(range(32))
HOLD = 60_000_000  # bytes, more than Python itself takes


def test_the_photo_is_like_a_phones() -> None:
    """The photo has 12 megapixels and, as a JPEG, three to five megabytes."""
    data = photo(FULL.photo_size)
    with Image.open(io.BytesIO(data)) as image:
        assert image.width * image.height == 12_000_000
    assert 3_000_000 < len(data) < 5_000_000


@pytest.mark.parametrize("kind", FORMATS)
def test_photos_have_metadata(kind: str) -> None:
    """In each format the photo decodes to its size and has metadata: a position in EXIF, or a comment in GIF."""
    image = read_photo(photo(QUICK.photo_size, kind))
    assert (image.format, image.size) == (kind.upper(), QUICK.photo_size)
    has_place = bool(image.getexif().get_ifd(ExifTags.IFD.GPSInfo))
    assert has_place if kind != "gif" else metadata(image) == {"comment"}


@pytest.mark.parametrize("name", WAYS)
async def test_every_way_saves_original_and_copies(name: str, tmp_path: Path) -> None:
    """Each way saves the requested number of photos with their copies, at the planned concurrency; one makes none."""
    data, way = photo(QUICK.photo_size), WAYS[name]
    under_way, most = 0, 0

    async def save(pix: Pixstore, photo: bytes) -> Sequence[ImageRecord]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        records = await way.save(pix, photo)
        under_way -= 1
        return records

    async with way.open(tmp_path / "pixstore.db", SECRET) as pix:
        saved = await save_all(pix, replace(way, save=save), data, at_once=2, count=3)
        for records in saved:
            await check_saved(pix, records, data)
        images = len(await pix.list_images())
    assert (len(saved), most) == (3, 2)
    assert {len(records) for records in saved} == {1 if name == ALONE else 1 + len(COPIES)}
    assert images == (12 if name == BY_HAND else 3)


async def test_copies_by_hand_are_those_of_the_library(tmp_path: Path) -> None:
    """The rival's copies have the quality of the library's, so about as many bytes."""
    data = photo(QUICK.photo_size)
    sizes = {}
    for name in (OURS, BY_HAND):
        async with WAYS[name].open(tmp_path / f"{name}.db", SECRET) as pix:
            _, *copies = await WAYS[name].save(pix, data)
            sizes[name] = [len(await image_of(pix, copy)) for copy in copies]
    assert sizes[OURS] == pytest.approx(sizes[BY_HAND], rel=0.25)


@pytest.mark.servers
def test_each_way_makes_the_same_copies() -> None:
    """Pixstore, Pillow and sharp make copies of the planned sizes and formats; a copy that is missing is noticed."""
    if missing := missing_programs("node", "npm sharp"):
        go_without("; ".join(missing))
    task = Task(THREE, QUICK.photo_size, "jpeg", COPIES)
    for way in (ours, by_hand, sharp):
        with way(task) as make:
            made = [make(), make()]
        for copies in made:
            check_copies(copies, task)
        with pytest.raises(RuntimeError, match="made were"):
            check_copies(made[0][1:], task)


async def test_a_save_without_a_copy_is_wrong(tmp_path: Path) -> None:
    """Copies that are missing, in another order or of another photo are detected."""
    data = photo(QUICK.photo_size)
    async with WAYS[OURS].open(tmp_path / "pixstore.db", SECRET) as pix:
        records = await WAYS[OURS].save(pix, data)
        other = await WAYS[OURS].save(pix, picture("jpeg", 64))
        for wrong in (records[:-1], records[::-1], other, [other[0], *records[1:]], []):
            with pytest.raises(RuntimeError, match="saved were"):
                await check_saved(pix, wrong, data)
        await check_saved(pix, records, data)


def test_the_saver_answers_line_by_line(tmp_path: Path) -> None:
    """The saving process reports that it is ready, measures once for each line, and ends with its input."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo(QUICK.photo_size))
    command = [sys.executable, "-m", "benchmarks.photos.saver", EVERYTHING, str(file), "2", "2"]
    done = subprocess.run(command, input="\n\n", capture_output=True, text=True, check=True, timeout=120)
    ready, *found = map(json.loads, done.stdout.splitlines())
    assert ready == "ready"
    assert len(found) == 2
    assert all(each["seconds"] > 0 and each["own_cpu_s"] > 0 for each in found)


async def test_a_blocked_event_loop_is_noticed() -> None:
    """The longest stall is at least as long as the event loop was blocked, also at the end."""
    for held_last in (False, True):
        stall = asyncio.create_task(longest_stall_s())
        await asyncio.sleep(0.005)
        time.sleep(0.05)  # noqa: ASYNC251
        if not held_last:
            await asyncio.sleep(0.005)
        stall.cancel()
        assert await stall >= 0.045


def test_memory_is_that_of_all_processes() -> None:
    """The memory of a child process counts while it runs, and stays in the peak after it ends."""
    hold = f"held = bytearray({HOLD}); held[::4096] = b'x' * len(held[::4096]); print(flush=True); input()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}]); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as above:
        assert above.stdin is not None
        assert above.stdout is not None
        above.stdout.readline()
        with Peak(above.pid) as peak:
            assert resident_bytes(above.pid) > HOLD
            above.stdin.write(b"\n")
            above.stdin.flush()
            above.stdout.readline()
        assert resident_bytes(above.pid) < HOLD < peak.most_bytes
        above.stdin.write(b"\n")


def test_processor_time_counts_children_that_have_ended() -> None:
    """The processor time of a child process still counts after it has ended."""
    compute = "import time\nwhile time.thread_time() < 0.4: pass"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {compute!r}]); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as above:
        assert above.stdin is not None
        assert above.stdout is not None
        above.stdout.readline()
        used_s = cpu_seconds(above.pid)
        above.stdin.write(b"\n")
    assert used_s >= 0.3  # each of the four times that Linux tells is rounded down to a hundredth


async def test_a_photo_without_metadata_is_not_timed() -> None:
    """A photo passes the check, and one without metadata does not, because stripping removes nothing from it."""
    for kind in FORMATS:
        await check_stripped(photo((256, 192), kind))
    with pytest.raises(RuntimeError, match="no metadata"):
        await check_stripped(picture("jpeg"))


def test_padding_stays_within_its_documented_bounds() -> None:
    """The lengths are the same in each run, and no image grows more than docs/configuration.md says."""
    found = {row["contestant"]: row for row in lengths(FULL)}
    assert list(found.values()) == list(lengths(FULL))
    assert found.keys() == SPREADS.keys()
    for row in found.values():
        assert 0 < float(row["mean"]) < float(row["largest"]) <= 0.0625
        assert int(row["lengths_padded"]) < int(row["lengths"]) / 40
    assert float(found["photos"]["largest"]) <= 0.032
