"""Pictures with metadata of every kind lose it and nothing else, as exiftool and Pillow see them."""

import itertools
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi.errors import InvalidImage
from tests.support.metadata import SECRET_WORD
from tests.support.stripping import follow, in_pieces, seen, strip
from tests.support.tagged import tagged_pictures
from tests.support.tools import require

NAMES = list(tagged_pictures())

# The groups of exiftool with facts about the picture itself.
PICTURE_GROUPS = {
    "ExifTool",
    "File",
    "Composite",
    "JFIF",
    "Adobe",
    "PNG",
    "PNG-pHYs",
    "GIF",
    "RIFF",
    "QuickTime",
    "Meta",
}
PICTURE_GROUPS |= {"Track1", "ICC_Profile", "ICC-header", "ICC-chrm"}


def read_by_exiftool(folder: Path, pictures: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return exiftool's tags of these pictures by "group:tag", including embedded files and data after the end."""
    exiftool = require("exiftool", "libimage-exiftool-perl")
    paths = {name: folder / f"{number}.{name.split()[0]}" for number, name in enumerate(pictures)}
    for name, path in paths.items():
        path.write_bytes(pictures[name])
    command = [exiftool, "-G1", "-a", "-s", "-ee", "-j", *map(str, paths.values())]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {
        name: {key: value for key, value in tags.items() if not key.startswith(("System:", "SourceFile"))}
        for name, tags in zip(paths, found, strict=True)
    }


def metadata(tags: dict[str, Any]) -> dict[str, Any]:
    """Return the tags that are metadata: those of other groups, texts and times."""
    return {
        key: value
        for key, value in tags.items()
        if key.partition(":")[0] not in PICTURE_GROUPS
        or SECRET_WORD in str(value)
        or ("Date" in key and "ICC" not in key and not str(value).startswith("0000"))
        or key.partition(":")[2] in ("Comment", "Warning", "Trailer", "Text", "XMP")
    }


@pytest.mark.slow
def test_exiftool_finds_nothing_but_an_orientation(tmp_path: Path) -> None:
    """exiftool finds metadata in each picture; after stripping it finds at most an orientation, and no damage."""
    pictures = tagged_pictures()
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    before = read_by_exiftool(tmp_path / "before", pictures)
    after = read_by_exiftool(tmp_path / "after", {name: strip(data) for name, data in pictures.items()})
    groups = {key.partition(":")[0] for tags in before.values() for key in metadata(tags)}
    assert {"IFD0", "IFD1", "ExifIFD", "GPS", "XMP-dc", "IPTC", "MPF0"} <= groups
    for name in NAMES:
        assert name == "webp plain" or metadata(before[name]), name
        found = metadata(after[name])
        found.pop("IFD0:Orientation", None)
        assert found == {}, name


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_stays_the_same(name: str) -> None:
    """Pixels of all frames, times, profile, density and orientation stay; no word of the metadata does."""
    data = tagged_pictures()[name]
    kept = strip(data)
    follow(kept)
    assert SECRET_WORD.encode() not in kept
    assert len(kept) < len(data) or name == "avif items 0"
    assert seen(kept) == seen(data)


@pytest.mark.parametrize("name", NAMES)
def test_a_stripped_picture_has_nothing_to_strip(name: str) -> None:
    """A stripped picture that is stripped again does not change."""
    kept = strip(tagged_pictures()[name])
    assert strip(kept) == kept


@pytest.mark.parametrize("name", NAMES)
def test_the_pieces_it_comes_in_change_nothing(name: str) -> None:
    """The result is the same whole, byte by byte, and in pieces of one length or any lengths."""
    data = tagged_pictures()[name]
    kept = strip(data)
    for length in (1, 2, 3, 13, 255, 1000):
        assert strip(in_pieces(data, length)) == kept
    draw = random.Random(name)
    for _ in range(5):
        edges = sorted({0, len(data), *(draw.randrange(len(data)) for _ in range(draw.randrange(1, 60)))})
        assert strip([data[start:end] for start, end in itertools.pairwise(edges)]) == kept


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_cut_is_noticed(name: str) -> None:
    """A picture cut before the end of its kept part is refused; one cut later is stripped as usual."""
    data = tagged_pictures()[name]
    kept = strip(data)
    end = next(length for length in range(len(data), 0, -1) if not _is_whole(data[: length - 1]))
    for length in (*range(12, end, 7 if end < 6000 else 61), end - 1):
        with pytest.raises(InvalidImage, match="truncated"):
            strip(data[:length])
    assert strip(data[:end]) == strip(data[: end + 5]) == kept


def _is_whole(data: bytes) -> bool:
    try:
        strip(data)
    except InvalidImage:
        return False
    return True
