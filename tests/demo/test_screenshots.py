"""The screenshots in README.md."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.demo import shots
from tests.demo.process import running
from tests.support.paths import ROOT

pytestmark = pytest.mark.browser

MOST_BYTES = 150_000


def sizes_in(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: Image.open(io.BytesIO(path.read_bytes())).size for path in folder.iterdir()}


@pytest.mark.soak
def test_they_can_be_taken_again(browser: Browser, tmp_path: Path) -> None:
    """The script still gets through the page, and makes the files that are there, of the same size in pixels."""
    with running("demo", "--port", "0", "--pictures", "12") as server:
        shots.take(browser, server, tmp_path, 12)
    assert sizes_in(tmp_path) == sizes_in(shots.FOLDER)
    assert set(sizes_in(tmp_path).values()) == {(shots.SIZE["width"], shots.SIZE["height"])}


def test_readme_shows_both_themes() -> None:
    """README begins with each of them, under the theme it was taken in, with a text for screen readers."""
    section = (ROOT / "README.md").read_text().split("\n## ")[0]
    shown = re.findall(r'(?:srcset|src)="([^"]+)"', section)
    assert {ROOT / path for path in shown} == set(shots.FOLDER.iterdir())
    assert re.search(r'dark\)"\s+srcset="[^"]+-dark\.webp"', section)
    assert re.search(r'alt="[^"]{40,}"', section)
    assert all(path.stat().st_size < MOST_BYTES for path in shots.FOLDER.iterdir())
