"""ThumbHash beside the encoder and decoder of its author."""

import json
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pixstore_asgi.decoding.thumbhash import thumbhash
from tests.decoding.made import opened, photo, quarters
from tests.support.paths import TESTS
from tests.support.tools import go_without

SIZES = [(32, 24), (24, 32), (100, 100), (100, 1), (1, 100), (7, 5), (2, 1), (1, 2)]


def pictures() -> list[Image.Image]:
    source = random.Random(1)
    noise = [Image.frombytes("RGBA", size, source.randbytes(4 * size[0] * size[1])) for size in SIZES]
    whole = [opened(photo(400, 300, seed=seed)).resize((32, 24)).convert("RGBA") for seed in range(3)]
    solid = [picture.convert("RGB").convert("RGBA") for picture in noise]
    return [*noise, *solid, *whole]


@pytest.fixture
def package(npm_packages: Path) -> None:
    if not (npm_packages / "thumbhash").is_dir():
        go_without("the package thumbhash is missing: run `npm ci` in tests/js")


def by_its_author(
    node_path: str, pictures: Sequence[Image.Image] = (), hashes: Sequence[bytes] = ()
) -> dict[str, list[Any]]:
    asked = {
        "pictures": [[*each.size, each.tobytes().hex()] for each in pictures],
        "hashes": [each.hex() for each in hashes],
    }
    command = [node_path, "thumbhash.mjs"]
    told = subprocess.run(
        command, cwd=TESTS / "js", input=json.dumps(asked), capture_output=True, check=True, text=True
    )
    answer: dict[str, list[Any]] = json.loads(told.stdout)
    return answer


@pytest.mark.usefixtures("package")
def test_the_bytes_are_those_of_its_author(node_path: str) -> None:
    """The hash of noise and of pictures, transparent or not, of any proportions, is the same to the last bit."""
    made = [thumbhash(*picture.size, picture.tobytes()).hex() for picture in pictures()]
    assert made == by_its_author(node_path, pictures())["hashes"]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("alpha", [255, 128, 0])
def test_a_plain_picture_is_plain_again(node_path: str, alpha: int) -> None:
    """One colour, where all waves are rounding errors, is that colour in each pixel after decoding."""
    colour = (200, 100, 50, alpha)
    plain = Image.new("RGBA", (32, 20), colour)
    (decoded,) = by_its_author(node_path, hashes=[thumbhash(32, 20, plain.tobytes())])["pictures"]
    rgba = bytes.fromhex(decoded[2])
    assert max(rgba[3::4]) - min(rgba[3::4]) == 0
    assert abs(rgba[3] - alpha) <= 9
    for channel in range(3 if alpha else 0):
        assert all(abs(value - colour[channel]) <= 8 for value in rgba[channel::4])


@pytest.mark.usefixtures("package")
def test_a_picture_is_known_again(node_path: str) -> None:
    """The reference decoder makes a picture with the original's proportions, and its colours in the right places."""
    (decoded,) = by_its_author(node_path, hashes=[thumbhash(30, 20, quarters(30, 20, "RGBA").tobytes())])["pictures"]
    width, height, rgba = decoded
    again = Image.frombytes("RGBA", (width, height), bytes.fromhex(rgba))
    assert abs(width / height - 1.5) < 0.2
    for (x, y), strong in {(0.25, 0.25): 0, (0.75, 0.25): 1, (0.25, 0.75): 2}.items():
        pixel = again.getpixel((int(x * width), int(y * height)))
        assert isinstance(pixel, tuple)
        assert max(range(3), key=pixel.__getitem__) == strong


def test_a_hash_is_short() -> None:
    """No hash has more than 25 bytes, or less than 5."""
    assert all(5 <= len(thumbhash(*picture.size, picture.tobytes())) <= 25 for picture in pictures())
