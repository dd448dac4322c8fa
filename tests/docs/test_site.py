"""The site of documents: its one command makes all pages, and every link between them has its end."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from playwright.sync_api import sync_playwright

from benchmarks.browser.chromium import CHROMIUM_ARGUMENTS
from tests.demo.browsing import violations
from tests.support.paths import DOCS, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIGURATION = ROOT / "scripts" / "site-source"
MOVED: dict[str, str] = json.loads((CONFIGURATION / "moved.json").read_text())
DOORS = ["docs/tutorial.html", "how-to.html", "reference.html", "explanation.html"]

# The addresses of an earlier version.
OLD_ADDRESSES = [
    *("README.html", "CHANGELOG.html", "CONTRIBUTING.html", "CONTRIBUTING.html#a-store", "SECURITY.html"),
    *("benchmarks/README.html", "benchmarks/results/results.html", "js_client/README.html", "api.html"),
    *("docs/architecture.html", "docs/capacity.html", "docs/cdn.html", "docs/choosing-a-store.html"),
    *("docs/configuration.html", "docs/configuration.html#pictures", "docs/configuration.html#records-for-pages"),
    *("docs/configuration.html#secrets", "docs/configuration.html#the-postgresql-store"),
    *("docs/deployment.html", "docs/deployment.html#wheel-and-tarball", "docs/frameworks.html"),
    *("docs/front-end.html", "docs/glossary.html", "docs/npm.html", "docs/performance.html"),
    *("docs/performance.html#mount-or-middleware", "docs/recipes.html", "docs/testing.html"),
    *("docs/recipes.html#taking-one-picture-to-another-store", "docs/troubleshooting.html", "docs/upkeep.html"),
    *("docs/wire-format.html", "docs/wire-format.html#batch", "docs/wire-format.html#image-record"),
    *("docs/wire-format.html#payload", "docs/wire-format.html#proof"),
]


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
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert pages >= {path.relative_to(ROOT).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    assert pages >= {"README.html", "api.html", "search.html"}
    assert sorted(broken(site)) == []


def test_the_landing_page_leads_everywhere(site: Path) -> None:
    """It has the four doors, and its navigation reaches every page."""
    text = (site / "index.html").read_text()
    assert text.count("<li>", text.index('class="doors')) >= len(DOORS)
    for door in DOORS:
        assert f'href="{door}"' in text[text.index('class="doors') :]
    reached = {(site / urldefrag(link)[0]).resolve() for link in Page(text).links if "://" not in link}
    pages = {*(site / "docs").rglob("*.html"), site / "README.html", site / "SECURITY.html"}
    gone = {site / urldefrag(old)[0] for old in MOVED}
    assert sorted(pages - reached - gone) == []


@pytest.mark.parametrize("address", OLD_ADDRESSES)
def test_an_old_address_still_arrives(site: Path, address: str) -> None:
    """Each page and anchor that README and the package's messages named before the documents were sorted by kind."""
    for _ in range(5):
        page, anchor = urldefrag(address)
        if (
            (site / page).is_file()
            and page not in MOVED
            and (not anchor or anchor in Page((site / page).read_text()).names)
        ):
            return
        address = MOVED.get(address) or MOVED[page]
    pytest.fail(f"{address} goes round in circles")


def test_every_moved_address_has_its_end(site: Path) -> None:
    """A heading that moved is not in its old place, and its new place is there. The build checks pages and anchors."""
    for old, new in MOVED.items():
        assert (site / urldefrag(old)[0]).is_file(), old
        assert urldefrag(new)[0].endswith(".html"), new


def test_language_models_get_a_list_of_the_pages(site: Path) -> None:
    """llms.txt has a title, a summary, then sections of links with one line each; what it links to is there."""
    title, _, summary, _, *lines = (site / "llms.txt").read_text().splitlines()
    assert title == "# pixstore-asgi"
    assert summary.startswith("> Encrypted images")
    sections = [line for line in lines if line.startswith("## ")]
    assert sections[-1] == "## Optional"
    assert len(sections) == 5
    listed = [re.fullmatch(r"- \[(.+)\]\((\S+)\)(: .+)", line) for line in lines if line and line not in sections]
    links = [match[2] for match in listed if match]
    assert len(links) == len(listed) > 50
    assert [link for link in links if not (site / link).is_file()] == []
    assert {"SECURITY.md", "docs/recipes/starlette.md"} <= set(links)
    assert (site / "SECURITY.md").read_text() == (ROOT / "SECURITY.md").read_text()


def test_the_reference_tells_of_options(site: Path) -> None:
    """The arguments of a docstring are a list, with their texts."""
    reference = (site / "api.html").read_text()
    for name in ("Pixstore", "PixstoreApp", "PostgresStore", "PrometheusMetrics", "ImageNotFound"):
        assert f".{name}" in reference
    assert "<li><p><strong>store</strong> \N{EN DASH} A path, a URL" in reference


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Make the site of a folder of pages."""
    folders = [str(CONFIGURATION), str(folder), str(folder / "html")]
    command = [sys.executable, "-m", "sphinx", "-q", "-W", *options, "-c", *folders]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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
    made = build(tmp_path, "-D", "site_moved=")
    assert bool(made.returncode) == bool(warning), made.stderr
    assert warning in made.stderr


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("index.html#old", "index.html#nowhere", "which is not there"),
        ("gone.html", "nowhere.html", "which is not there"),
        ("gone.html#part", "index.html", "no line of its own"),
    ],
)
def test_a_moved_address_without_end_fails_it(tmp_path: Path, old: str, new: str, warning: str) -> None:
    """Whether the new page is missing, or its heading, or the old page has no address as a whole."""
    (tmp_path / "index.md").write_text("# Title\n")
    (tmp_path / "moved.json").write_text(json.dumps({old: new}))
    made = build(tmp_path, "-D", f"site_moved={tmp_path / 'moved.json'}")
    assert made.returncode
    assert warning in made.stderr


@pytest.mark.browser
def test_a_browser_follows_moved_addresses_without_a_server(tmp_path: Path, chromium_path: str) -> None:
    """A page that is gone, one of its headings, and a heading that is gone from a page that stays."""
    moved = {
        "docs/gone.html": "docs/here.html",
        "docs/gone.html#part": "docs/here.html#second",
        "docs/here.html#old": "index.html#title",
        "docs/here.html#first": "index.html#title",  # still there: it stays
    }
    (tmp_path / "docs").mkdir()
    (tmp_path / "index.md").write_text("# Title\n\n```{toctree}\ndocs/here\n```\n")
    (tmp_path / "docs" / "here.md").write_text("# Here\n\n## First\n\n## Second\n")
    (tmp_path / "moved.json").write_text(json.dumps(moved))
    made = build(tmp_path, "-D", f"site_moved={tmp_path / 'moved.json'}")
    assert not made.returncode, made.stderr
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        for old, new in [
            ("docs/gone.html", "docs/here.html"),
            ("docs/gone.html#part", "docs/here.html#second"),
            ("docs/gone.html#other", "docs/here.html#other"),
            ("docs/here.html#old", "index.html#title"),
            ("docs/here.html#first", "docs/here.html#first"),
        ]:
            page.goto(f"file://{tmp_path}/html/{old}")
            page.wait_for_url(f"file://{tmp_path}/html/{new}")
            assert page.locator("h1").count() == 1
        browser.close()


@pytest.mark.browser
def test_pages_have_no_problem_of_accessibility(site: Path, chromium_path: str) -> None:
    """axe-core finds none: code scrolls by keyboard, landmarks have names, tables no empty headers, pages a heading."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        found = []
        for name in ("index", "search", "api", "docs/deployment", "docs/comparison"):
            page.goto((site / f"{name}.html").as_uri())
            found += violations(page)
        browser.close()
    assert found == []
    assert '<th class="head"><p></p></th>' not in (site / "docs" / "deployment.html").read_text()
