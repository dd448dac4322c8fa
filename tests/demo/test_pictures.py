"""The demo's pictures."""

import io

import pytest
from PIL import Image

from pixstore_asgi.demo import pictures
from tests.demo.conftest import painted_seeds

pytestmark = pytest.mark.slow


def test_seeds_are_pictures_in_all_three_formats() -> None:
    """A new gallery starts with 900 x 600 pictures, at least one of them PNG, one WebP and one JPEG."""
    images = [Image.open(io.BytesIO(picture.data)) for picture in painted_seeds()]
    assert {image.format for image in images} == {"PNG", "WEBP", "JPEG"}
    assert {image.size for image in images} == {(900, 600)}


def test_seeds_are_the_same_in_every_run() -> None:
    """Painting twice gives the same bytes, so that screenshots and sizes can be compared."""
    assert list(pictures.seeds()) == painted_seeds()


def test_every_replacement_is_another_picture() -> None:
    """Consecutive replacements differ from each other and from the seeds."""
    painted = [picture.data for picture in painted_seeds()] + [pictures.another(n).data for n in range(14)]
    assert len(set(painted)) == len(painted)
