"""The benchmarks: every part runs without a wrong answer, and names missing programs."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks import backup, sealed_records, servers
from benchmarks.__main__ import main
from benchmarks.browser import part as browser
from benchmarks.environment import missing_programs
from benchmarks.photos.treatments import SPREADS
from benchmarks.photos.ways import WAYS
from benchmarks.plan import FULL, PARTS, QUICK
from benchmarks.scroll.ways import AGAIN, ELEMENT, EMPTY, IN_CLEAR, IN_WEBKIT, NPM, REACT
from benchmarks.scroll.ways import WAYS as SCROLL_WAYS
from benchmarks.slow_line.ways import WAYS as SLOW_LINE_WAYS
from tests.support.tools import go_without

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")]


TOOLS = {
    "in-process": ["node", "npm pixstore"],
    "servers": ["wrk", "nginx", "node", "npm pixstore"],
    "saves": ["node", "npm pixstore"],
    "growth": ["wrk"],
    "backup": ["node", "npm pixstore", "weed", "litestream"],
    "memory": ["node", "npm pixstore"],
    "stores": ["wrk", "postgres", "weed"],
    "pictures": ["chromium", "npm thumbhash", "node", "npm sharp"],
    "browser": ["chromium", "node", "npm front end"],
    "scroll": ["chromium", "WebKitWebDriver", "Xvfb", "node", "npm front end", "npm react"],
    "slow-line": ["chromium", "node", "npm front end", "npm react"],
    "sealed-records": ["chromium", "node", "npm front end"],
}
# The ways to show a page of pictures, and the number of their requests in the quick plan.
PAGES = {"thumbs, batches": 1, "thumbs, singles": 8, "originals, batches": 1, "originals, singles": 8}
OUR_SAVES = {"pixstore", "pixstore FULL", "pixstore files", "floor", "floor files", "disk"}
# The column that distinguishes the rows of a part, and the values that must occur.
FOUND = {
    "in-process": ("case", {"hmac.digest", "proof verify", "npm getImageRecord", "AES-256-GCM, 500000"}),
    "servers": (
        "contestant",
        {
            "pixstore/uvicorn",
            "pixstore files/uvicorn",
            "middleware/uvicorn",
            "static/uvicorn",
            "floor/uvicorn",
            "npm/node",
            "nginx/nginx",
        },
    ),
    "saves": ("contestant", {*OUR_SAVES, "npm"}),
    "growth": ("what", {"file", "open", "GET", "record", "save", "reads", "stats", "export images", "log", "workers"}),
    "backup": (
        "contestant",
        {
            backup.DATABASE,
            backup.FILES,
            backup.ONE_FILE,
            backup.FOLDER,
            backup.BUCKET,
            backup.LITESTREAM,
            backup.NPM,
        },
    ),
    "memory": ("contestant", {"pixstore/uvicorn", "floor/uvicorn", "npm/node"}),
    "stores": ("contestant", {"SQLite", "PostgreSQL", "SQLite + files", "SQLite + S3", "PostgreSQL + S3"}),
    "pictures": ("contestant", {*WAYS, *PAGES, "sharp", "strip", "seal", "seal, padded", *SPREADS}),
    "browser": ("case", set(browser.case_names(QUICK))),
    "scroll": ("contestant", {*IN_WEBKIT, *(name for way in SCROLL_WAYS for name in way.visits)}),
    "slow-line": ("contestant", {way.name for way in SLOW_LINE_WAYS}),
    "sealed-records": ("label", {"cold, 50 KB", "after a reload, 50 KB", sealed_records.PAGE, sealed_records.ANSWER}),
}
STORES_LOADS = {
    "cached",
    "uncached",
    "first byte",
    "queries",
    "read",
    "last byte",
    "last byte, uncached",
    "records",
    "saves",
    "workers",
    "memory",
    "rows",
    "bodies",
}


def need(*names: str) -> None:
    if missing := missing_programs(*names):
        go_without("; ".join(missing))


def run_quickly(part: str, folder: Path, *more: str, **variables: str) -> dict[str, Any]:
    """Run one part by the quick plan and return its results.json. more: further arguments."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", part, "--out", str(folder), *more]
    environment = {name: value for name, value in os.environ.items() if name != "PIXSTORE_SECRET"} | variables
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"[{part}]" in done.stderr
    results: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return results


def scrolled_as_planned(rows: list[dict[str, Any]]) -> bool:
    """Return whether each page was shown to its end, with batched, single or no requests, and no canvas is left."""
    requests = {row["contestant"]: row["requests"] for row in rows if "requests" in row}
    count = QUICK.scroll_images
    return (
        {row.get("seen", count) for row in rows} == {count}
        and {row["canvases_alive"] for row in rows if row["contestant"] in IN_WEBKIT} == {0}
        and requests[EMPTY] == requests[AGAIN] == 0
        and requests[IN_CLEAR] == requests[NPM] == count
        and all(0 < requests[name] < count for name in (ELEMENT, REACT))
    )


LONG_PARTS = {"stores", "pictures", "scroll", "slow-line", "servers", "browser", "backup", "saves", "sealed-records"}
"""Parts that only a long test run includes: each takes half a minute, writes hundreds of megabytes, or has a test that
runs one of its cases.
"""


@pytest.mark.servers
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "part", [pytest.param(name, marks=pytest.mark.soak) if name in LONG_PARTS else name for name in PARTS]
)
def test_every_part_runs(part: str, tmp_path: Path) -> None:
    """A quick run of a part measures each contestant without a wrong answer, and writes table, JSON and chart."""
    need(*TOOLS[part])
    results = run_quickly(part, tmp_path)
    found = results["parts"][part]
    column, expected = FOUND[part]
    assert found["missing"] == []
    assert {row[column] for row in found["rows"]} >= expected
    for row in found["rows"]:
        assert not row.get("wrong"), row
        assert not row.get("errors"), row
        measured = ("requests_per_s", "cpu_us", "cpu_s", "saves_per_s", "seconds")
        assert all(row[name] > 0 for name in measured if name in row), row
    assert part != "servers" or {row["load"] for row in found["rows"]} == {"hot", "gallery", "page", "writes"}
    assert part != "saves" or {row["format"] for row in found["rows"] if "format" in row} == {"png", "jpeg"}
    assert part != "stores" or {row["load"] for row in found["rows"]} == STORES_LOADS
    assert (
        part != "pictures"
        or {row["contestant"]: row["requests"] for row in found["rows"] if "requests" in row} == PAGES
    )
    assert part != "scroll" or scrolled_as_planned(found["rows"])
    assert results["environment"]["versions"]["pixstore-asgi"] != "missing"
    text = (tmp_path / "results.md").read_text()
    assert text.index("| target | wanted | measured |") < text.index("\n## ")
    for chart in tmp_path.glob("*.svg"):
        assert ET.fromstring(chart.read_text()).tag.endswith("svg")  # noqa: S314, written by the run itself
    assert {chart.stem for chart in tmp_path.glob("*.svg")} == {part} - {"in-process", "sealed-records"}


@pytest.mark.servers
def test_one_case_of_the_browser_runs_alone(tmp_path: Path) -> None:
    """With --case only that case is measured, for each contestant."""
    need(*TOOLS["browser"])
    found = run_quickly("browser", tmp_path, "--case", "hot-50KB")["parts"]["browser"]["rows"]
    assert {(row["case"], row["contestant"]) for row in found} == {
        ("hot-50KB", name) for name in ("npm", "pixstore", "floor")
    }


def test_sealed_and_plain_records_are_compared_in_turn(tmp_path: Path) -> None:
    """A short run of one case has both kinds of records, all of them right."""
    found = run_quickly("sealed-records", tmp_path, "--case", "answer")["parts"]["sealed-records"]["rows"]
    assert [(row["contestant"], row["wrong"]) for row in found] == [("sealed", 0), ("plain", 0)]


@pytest.mark.parametrize(
    ("part", "names"),
    [("browser", browser.case_names(FULL)), ("servers", servers.case_names(FULL)), ("growth", ["servers", "browser"])],
)
def test_an_unknown_case_is_refused(
    part: str, names: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown case ends the command with the known ones, or with the parts that have cases."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--only", part, "--case", "cold-7KB"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert all(name in message for name in names)


def test_missing_programs_are_named(tmp_path: Path) -> None:
    """A run without any program on the search path succeeds, and its results name the missing ones."""
    results = run_quickly("saves", tmp_path, "--case", "1.2MB", PATH=str(tmp_path))
    rows = results["parts"]["saves"]["rows"]
    assert {row["contestant"] for row in rows} == OUR_SAVES
    assert {row["size"] for row in rows} == {1_200_000}
    assert "node is missing: install the package nodejs" in results["parts"]["saves"]["missing"]
    assert results["environment"]["commit"] == "unknown"
    assert "- node is missing: install the package nodejs" in (tmp_path / "results.md").read_text()
