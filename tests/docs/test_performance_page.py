"""performance.md: its snippet, run, and its figures of pictures, which the benchmarks found."""

import json
import re

import pytest
from starlette.testclient import TestClient

from benchmarks.photos.treatments import SPREADS
from benchmarks.photos.ways import ALONE, BY_HAND, OURS
from benchmarks.plan import Findings
from benchmarks.ratios import median
from benchmarks.scroll.ways import AGAIN, ELEMENT, IN_CLEAR, NPM, REACT
from tests.docs.conftest import RunSnippet
from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT
from tests.support.recipes import image_in, sent
from tests.support.samples import picture

PAGE = (DOCS / "performance.md").read_text()
RESULTS = ROOT / "benchmarks/results/results.json"
SIZES = (30_000, 370_000, 3_800_000)
OURS_OVER_HTTP: dict[str, str | int] = {"contestant": "pixstore/uvicorn", "connections": 16}
SAVED: dict[str, str | int] = {"contestant": "pixstore", "format": "png"}
# Of each row, by its first words: its part of the results, its cases, their column, and one of its units there.
SPEED: dict[str, tuple[str, list[dict[str, str | int]], str, float]] = {
    "GET of one image": (
        "servers",
        [OURS_OVER_HTTP | {"load": "hot", "size": size} for size in SIZES],
        "requests_per_s",
        1,
    ),
    "GETs in turn": (
        "servers",
        [OURS_OVER_HTTP | {"load": "gallery", "size": size} for size in SIZES],
        "requests_per_s",
        1,
    ),
    "saves one": ("saves", [SAVED | {"concurrent": 1, "size": size} for size in SIZES], "saves_per_s", 1),
    "16 saves": ("saves", [SAVED | {"concurrent": 16, "size": size} for size in SIZES], "saves_per_s", 1),
    "GET not in memory": (
        "growth",
        [{"what": "GET", "images": images} for images in (1_000_000, 1_000)],
        "seconds",
        1e-6,
    ),
    "memory for 64": ("memory", [{"contestant": "pixstore/uvicorn", "readers": 64}], "above_idle_mib", 1),
}
AT_ONCE: dict[str, str | int] = {"load": "saves", "concurrent": 16}
# Of each row: the cases whose figures it has, in order, their column, and what one of its units is there.
PICTURES: dict[str, tuple[list[dict[str, str | int]], list[str], float]] = {
    "CPU to save a photo": ([AT_ONCE | {"contestant": name} for name in (ALONE, OURS, BY_HAND)], ["cpu_s"], 1e-3),
    "memory of all processes, 16 such saves at once": (
        [AT_ONCE | {"contestant": name} for name in (OURS, BY_HAND)],
        ["peak_mib"],
        1,
    ),
    "a page of 100 thumbnails, 320 pixels wide": (
        [{"load": "page", "contestant": f"{what}, batches"} for what in ("thumbs", "originals")],
        ["image_bytes"],
        1e6,
    ),
    "padding, in the mean and at most": (
        [{"load": "lengths", "contestant": name} for name in SPREADS if "pages" not in name],
        ["mean", "largest"],
        1e-2,
    ),
}

# Of each page: its contestant.
SCROLL = {
    "`pix-image`": ELEMENT,
    "`pix-image`, again": AGAIN,
    "React": REACT,
    "`img`": IN_CLEAR,
    "`npm`": NPM,
}
SCROLL_COLUMNS = (
    "main_thread_s",
    "opening_task_ms",
    "longest_task_ms",
    "requests",
    "kept_above_mib",
    "heap_above_mib",
)


def test_the_outermost_middleware_serves_images(run_snippet: RunSnippet) -> None:
    """Around the whole application the middleware serves an image, and passes other requests on."""
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = run_snippet(snippet)
    with TestClient(names["app"]) as http:
        assert http.portal is not None
        record = http.portal.call(names["pix"].save_image, picture())
        assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture()
        assert http.get("/elsewhere").status_code == 404


@pytest.mark.parametrize("row", SPEED)
def test_its_rates_were_measured(row: str) -> None:
    """Requests, saves, times and memory are about the medians of the results."""
    part, cases, column, unit = SPEED[row]
    found = Findings(json.loads(RESULTS.read_text())["parts"][part]["rows"])
    (cell,) = [cell for name, cell in rows(PAGE, "| load | measured |") if name.startswith(row)]
    figures = re.findall(r"(?:: |^|instead of )([\d,]+)\b(?! KB)", cell)
    measured = [median(found, case, column) for case in cases]
    assert [float(figure.replace(",", "")) for figure in figures] == pytest.approx(
        [value and value / unit for value in measured], rel=0.04
    )


@pytest.mark.parametrize("row", PICTURES)
def test_its_figures_of_pictures_were_measured(row: str) -> None:
    """CPU, memory, bytes and padding are about the medians of the results."""
    found = Findings(json.loads(RESULTS.read_text())["parts"]["pictures"]["rows"])
    cells = dict(rows(PAGE, "| pictures | measured there |"))
    cases, columns, unit = PICTURES[row]
    figures = [float(figure) for figure in re.findall(r"([\d.]+) (?:ms|MiB|MB|%)", cells[row])]
    measured = [median(found, case, column) for case in cases for column in columns]
    assert figures == pytest.approx([value and value / unit for value in measured], rel=0.25)


@pytest.mark.parametrize("row", SCROLL)
def test_its_figures_of_scrolling_were_measured(row: str) -> None:
    """Processor time, tasks, requests and memory are about the medians; a task below 50 ms is none to the browser."""
    found = Findings(json.loads(RESULTS.read_text())["parts"]["scroll"]["rows"])
    (cells,) = [cells[1:] for cells in rows(PAGE, "| scroll |") if cells[0] == row]
    figures = [0.0 if cell == "below 50 ms" else float(cell.split()[0].replace(",", "")) for cell in cells]
    measured = [median(found, {"contestant": SCROLL[row]}, column) for column in SCROLL_COLUMNS]
    assert figures == pytest.approx(measured, rel=0.1, abs=0.2)
