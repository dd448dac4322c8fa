"""The site of documents: its one command makes all pages, and every link between them has its end."""

import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from tests.support.paths import DOCS, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIGURATION = ROOT / "scripts" / "site-source"


class Page(HTMLParser):
    """The links and pictures of a page, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.names.add(value)
            elif name in ("href", "src", "srcset") and value and tag in ("a", "img", "source"):
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(["sh", "scripts/site", folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-5000:]
    return folder


def broken(site: Path) -> Iterator[str]:
    """Yield each link within the site that has no end."""
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            if "://" in link or link.startswith(("mailto:", "data:")):
                continue
            to, anchor = urldefrag(unquote(link))
            target = (path.parent / to).resolve() if to else path
            found = pages.get(target)
            if not target.is_file() or (anchor and found and anchor not in found.names):
                yield f"{path.relative_to(site)}: {link}"


def test_every_document_is_a_page_and_every_link_has_its_end(site: Path) -> None:
    """Those of docs, README and the reference of the API, with the screenshots and charts that they show."""
    pages = {path.name for path in (site / "docs").glob("*.html")}
    assert pages == {f"{path.stem}.html" for path in DOCS.glob("*.md")}
    assert {"README.html", "api.html", "search.html"} <= {path.name for path in site.iterdir()}
    assert sorted(broken(site)) == []


def test_the_reference_tells_of_options(site: Path) -> None:
    """The arguments of a docstring are a list, with their texts."""
    reference = (site / "api.html").read_text()
    for name in ("Pixstore", "PixstoreApp", "PostgresStore", "PrometheusMetrics", "ImageNotFound"):
        assert f".{name}" in reference
    assert "<li><p><strong>store</strong> \N{EN DASH} A path, a URL" in reference


@pytest.mark.parametrize(
    ("link", "warning"),
    [
        ("[a page](nowhere.md)", "nowhere.md"),
        ("[a place](index.md#nowhere)", "'nowhere'"),
        ("[a place](index.md#title)", ""),
    ],
)
def test_a_broken_link_fails_it(tmp_path: Path, link: str, warning: str) -> None:
    """Whether the page is missing or the heading; a good one does not."""
    (tmp_path / "index.md").write_text(f"# Title\n\n{link}\n")
    folders = [str(CONFIGURATION), str(tmp_path), str(tmp_path / "html")]
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-c", *folders]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bool(made.returncode) == bool(warning), made.stderr
    assert warning in made.stderr
