"""performance.md: its snippet, run, and the figures of its tables, which the benchmarks found."""

import json
import re
from collections.abc import Mapping

import pytest
from starlette.testclient import TestClient

from benchmarks import backup
from benchmarks.photos.copies import MAKING, ONE, SHARP, THREE
from benchmarks.photos.saves import SAVES
from benchmarks.photos.ways import ALONE, BY_HAND, OURS
from benchmarks.plan import Findings
from benchmarks.ratios import Selection, median
from benchmarks.scroll import ways as scroll
from benchmarks.scroll.table import longest_page
from benchmarks.slow_line import ways as slow_line
from tests.docs.conftest import RunSnippet
from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT
from tests.support.recipes import image_in, sent
from tests.support.samples import picture

PAGE = (DOCS / "performance.md").read_text()
RESULTS = ROOT / "benchmarks/results/results.json"
FOUND = {part: Findings(of["rows"]) for part, of in json.loads(RESULTS.read_text())["parts"].items()}

Figure = tuple[Selection, str, float]
"""The measurements that a cell is the median of, their column, and the value of the cell's unit there."""


def figures(column: str, *cases: Selection, unit: float = 1) -> list[Figure]:
    """Return the figures of a row that has one column of the results."""
    return [(case, column, unit) for case in cases]


def served(load: str) -> list[Figure]:
    """Return the requests/s of each size."""
    own: Selection = {"contestant": "pixstore/uvicorn", "connections": 16, "load": load}
    return figures("requests_per_s", *({**own, "size": size} for size in (30_000, 370_000, 3_800_000)))


def saved(concurrent: int) -> list[Figure]:
    """Return the saves/s of each size."""
    own: Selection = {"contestant": "pixstore", "format": "png", "concurrent": concurrent}
    return figures("saves_per_s", *({**own, "size": size} for size in (30_000, 370_000, 3_800_000)))


def large(column: str, concurrent: int, unit: float = 1) -> list[Figure]:
    """Return a figure of saves of 3.8 MB in the database, in files and of npm."""
    own: Selection = {"format": "png", "size": 3_800_000, "concurrent": concurrent}
    return figures(column, *({**own, "contestant": name} for name in ("pixstore", "pixstore files", "npm")), unit=unit)


def backed_up(load: str) -> list[Figure]:
    """Return the seconds of a command on the database, on files and on npm's."""
    own: Selection = {"load": load}
    return figures("seconds", *({**own, "contestant": name} for name in (backup.DATABASE, backup.FOLDER, backup.NPM)))


def first_saved(column: str, *names: str) -> list[Figure]:
    """Return megabytes after the pictures were saved."""
    return figures(column, *({"contestant": name, "load": backup.SAVES} for name in names), unit=1e6)


def photos(column: str, unit: float = 1) -> list[Figure]:
    """Return a figure of 16 saves at once, by the package and by hand."""
    own: Selection = {"load": SAVES, "concurrent": 16}
    return figures(column, *({**own, "contestant": name} for name in (OURS, BY_HAND)), unit=unit)


def copied(task: str) -> list[Figure]:
    """Return the CPU of a task by the package, by hand and by sharp, in ms."""
    own: Selection = {"load": MAKING, "task": task, "format": "jpeg"}
    return figures("cpu_s", *({**own, "contestant": name} for name in (OURS, BY_HAND, SHARP)), unit=1e-3)


def waited(name: str) -> list[Figure]:
    """Return the moments of a visit over the slow line, and the first screen of the next."""
    cold: Selection = {"contestant": name, "visit": slow_line.COLD}
    again: Selection = {"contestant": name, "visit": slow_line.AGAIN}
    return [*((cold, column, 1.0) for column in slow_line.MOMENTS), (again, "screen_ms", 1.0)]


def scrolled(name: str) -> list[Figure]:
    """Return the figures of a scroll of 1,000 pictures; CPU is that of 100."""
    own: Selection = {"contestant": name}
    columns = ("opening_task_ms", "longest_task_ms", "requests", "end_above_mib", "heap_above_mib")
    return [(own, "browser_s", 10.0), *((own, column, 1.0) for column in columns)]


# Of each table, by its first words: its part of the results, and its rows.
TABLES: Mapping[str, tuple[str, Mapping[str, list[Figure]]]] = {
    "| page, in ms |": (
        "slow-line",
        {
            "`img`": waited(slow_line.IN_CLEAR),
            "`img`, signed URLs": waited(slow_line.SIGNED),
            "`pix-image`, records in the HTML": waited(slow_line.IN_HTML),
            "`pix-image`": waited(slow_line.ELEMENT),
            "React": waited(slow_line.REACT),
            "Vue": waited(slow_line.VUE),
            "`pix-image`, copies on a CDN": waited(slow_line.COPIES),
            "service worker": waited(slow_line.WORKER),
            "`getImage`": waited(slow_line.BY_HAND),
            "`npm`": waited(slow_line.NPM),
        },
    ),
    "| scroll |": (
        "scroll",
        {
            "`pix-image`": scrolled(scroll.ELEMENT),
            "`pix-image`, again": scrolled(scroll.AGAIN),
            "`pix-image`, AES in software": scrolled(scroll.SOFTWARE_AES),
            "React": scrolled(scroll.REACT),
            "`img`": scrolled(scroll.IN_CLEAR),
            "`npm`": scrolled(scroll.NPM),
        },
    ),
    "| photos |": (
        "pictures",
        {
            "photos a second on two cores, 16 saves at once": photos("saves_per_s"),
            "CPU of such a save": photos("cpu_s", 1e-3),
            "memory of all processes": photos("peak_mib"),
            "longest stall of the event loop": photos("stall_s", 1e-3),
            "CPU of the three copies alone": copied(THREE),
            "CPU of one copy of 512 pixels, photo of 2.8 megapixels": copied(ONE),
        },
    ),
    "| a second |": (
        "servers",
        {
            "GETs of one image in memory": served("hot"),
            "GETs in turn of eight times as many images as memory holds": served("gallery"),
        },
    ),
    "| saves a second |": (
        "saves",
        {"one after another, default durability": saved(1), "16 at once": saved(16)},
    ),
    "| pictures of 3.8 MB |": (
        "saves",
        {
            "saves a second, one after another": large("saves_per_s", 1),
            "saves a second, 16 at once": large("saves_per_s", 16),
            "CPU of a save": large("cpu_us", 1, 1e3),
        },
    ),
    "| 1,000 pictures of 4 MB |": (
        "backup",
        {
            "size of the database": first_saved("database_bytes", backup.DATABASE, backup.FILES, backup.NPM),
            "largest write-ahead log": first_saved("log_bytes", backup.DATABASE, backup.FILES),
            "backup": backed_up(backup.BACKUP),
            "backup after 10 more": backed_up(backup.AGAIN),
            "restore": backed_up(backup.RESTORE),
        },
    ),
}


# Of each sentence: a pattern of its figure, its part of the results, and the figure there.
SENTENCES: Mapping[str, tuple[str, Figure]] = {
    r"not in memory takes (\S+) µs": ("growth", ({"what": "GET", "images": 1_000_000}, "seconds", 1e-6)),
    r"beside 1,000 images (\S+) µs": ("growth", ({"what": "GET", "images": 1_000}, "seconds", 1e-6)),
    r"slowly need (\S+) MiB": ("memory", ({"contestant": "pixstore/uvicorn", "readers": 64}, "above_idle_mib", 1)),
    r"Without copies a save takes (\S+) ms": (
        "pictures",
        ({"load": SAVES, "concurrent": 16, "contestant": ALONE}, "cpu_s", 1e-3),
    ),
    r"pixels wide, takes (\S+) MB": (
        "pictures",
        ({"load": "page", "contestant": "thumbs, batches"}, "image_bytes", 1e6),
    ),
    r"of originals (\S+) MB": ("pictures", ({"load": "page", "contestant": "originals, batches"}, "image_bytes", 1e6)),
    r"adds (\S+) % to thumbnails": ("pictures", ({"load": "lengths", "contestant": "thumbnails"}, "mean", 1e-2)),
    r"thumbnails,\s+at most (\S+) %": ("pictures", ({"load": "lengths", "contestant": "thumbnails"}, "largest", 1e-2)),
    r"to photos (\S+) %": ("pictures", ({"load": "lengths", "contestant": "photos"}, "mean", 1e-2)),
    r"to photos \S+ %, at most (\S+) %": ("pictures", ({"load": "lengths", "contestant": "photos"}, "largest", 1e-2)),
}


def test_the_outermost_middleware_serves_images(run_snippet: RunSnippet) -> None:
    """Around the whole application the middleware serves an image, and passes other requests on."""
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = run_snippet(snippet)
    with TestClient(names["app"]) as http:
        assert http.portal is not None
        record = http.portal.call(names["pix"].save_image, picture())
        assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture()
        assert http.get("/elsewhere").status_code == 404


@pytest.mark.parametrize("head", TABLES)
def test_its_tables_were_measured(head: str) -> None:
    """Each cell is about the median of the results, and a task below 50 ms is none to the browser."""
    part, wanted = TABLES[head]
    shown = {name: [figure_in(cell) for cell in cells if cell] for name, *cells in rows(PAGE, head)}
    measured = {
        name: [(median(FOUND[part], case, column) or 0.0) / unit for case, column, unit in row]
        for name, row in wanted.items()
    }
    assert shown.keys() == measured.keys()
    for name, row in shown.items():
        assert row == pytest.approx(measured[name], rel=0.03, abs=0.06), name


@pytest.mark.parametrize("pattern", SENTENCES)
def test_its_sentences_were_measured(pattern: str) -> None:
    """The figure of each sentence is about the median of the results."""
    part, (case, column, unit) = SENTENCES[pattern]
    (shown,) = re.findall(pattern, PAGE)
    measured = median(FOUND[part], case, column)
    assert measured is not None
    assert figure_in(shown) == pytest.approx(measured / unit, rel=0.04)


def test_its_figures_of_webkit_were_measured() -> None:
    """The peak of the web process at 1,000 pictures, and the longest page, are those of the results."""
    names = {"`pix-image`": scroll.ELEMENT_IN_WEBKIT, "`img`": scroll.IN_CLEAR_IN_WEBKIT}
    for name, *cells in rows(PAGE, "| WebKitGTK |"):
        own: Selection = {"contestant": names[name], "images": 1_000}
        measured = [median(FOUND["scroll"], own, "web_peak_mib"), longest_page(FOUND["scroll"], names[name])]
        assert [figure_in(cell) for cell in cells] == pytest.approx(measured, rel=0.03)


def figure_in(cell: str) -> float:
    """Return the number of a cell, 0 if it is below the least that counts."""
    return 0.0 if cell.startswith("below") else float(cell.split()[0].replace(",", ""))
