"""The targets, ratios and tables of the benchmarks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import environment, sealed_records
from benchmarks.browser import eviction
from benchmarks.browser.cases import all_cases
from benchmarks.plan import FULL, PARTS, QUICK, Findings
from benchmarks.ratios import Ratio, Target, median, ratio
from benchmarks.report import read, write
from benchmarks.scroll.table import longest_page, scroll_tables
from benchmarks.scroll.ways import ELEMENT, ELEMENT_IN_WEBKIT, IN_CLEAR, IN_CLEAR_IN_WEBKIT
from benchmarks.tables import targets_table
from benchmarks.targets import targets

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")]


def rows(**columns: Any) -> list[dict[str, Any]]:
    """Return one row per round. A list has one value per round."""
    count = max(len(value) for value in columns.values() if isinstance(value, list))
    return [{"round": n, **{k: v[n] if isinstance(v, list) else v for k, v in columns.items()}} for n in range(count)]


def test_every_target_of_the_browser_is_measured_by_a_case() -> None:
    """The labels in the targets are those of cases in the full plan."""
    names = {target.name for target in targets({}) if target.name.startswith("browser, ")}
    labels = [*(case.label for case in all_cases(FULL)), eviction.label(FULL)]
    assert len(names) == 19
    assert all(any(name.startswith(f"browser, {label}: ") for label in labels) for name in names)


def test_the_targets_of_a_scroll_are_for_our_pages_only() -> None:
    """Each page of this package has the same four bounds, and figures of other pages do not count."""
    measured = {"opening_task_ms": 51.0, "longest_task_ms": 0.0, "kept_above_mib": 60.0, "heap_above_mib": 5.0}
    found = Findings([{"contestant": name, "round": 0, **measured} for name in (ELEMENT, IN_CLEAR)])
    verdicts = [target.verdict for target in targets({"scroll": found}) if target.name.startswith("scroll of 1,000 ")]
    assert verdicts == ["miss", "pass", "pass", "miss", *["not measured"] * 17]


def test_the_longest_page_in_webkit_is_below_the_limit() -> None:
    """It is the last whose peak is at most 200 MB. Targets are for the first page, and are met without a canvas."""
    peaks = {ELEMENT_IN_WEBKIT: {1_000: 125.0, 2_000: 190.0, 4_000: 191.0}, IN_CLEAR_IN_WEBKIT: {1_000: 100.0}}
    found = Findings(
        [
            {"round": 0, "contestant": name, "images": images, "web_peak_mib": peak, "canvases_alive": 0}
            for name, pages in peaks.items()
            for images, peak in pages.items()
        ]
    )
    assert longest_page(found, ELEMENT_IN_WEBKIT) == 2_000
    assert longest_page(found, "another") is None
    assert "| 2,000: 190; 4,000: 191 | 2,000 |" in scroll_tables(found)
    measured = [target for target in targets({"scroll": found}) if "WebKitGTK" in target.name]
    assert [(target.measured, target.verdict) for target in measured] == [
        (Ratio(1.25, 1), "pass"),
        (Ratio(0.0, 1), "pass"),
    ]


def test_ratios_are_medians_of_pairs() -> None:
    """A ratio pairs rows by round, without rounds with wrong answers or errors."""
    ours = rows(side="ours", rate=[10.0, 90.0, 40.0, 7.0], wrong=[0, 0, 0, 3])
    others = rows(side="others", rate=[5.0, 10.0, 10.0, 1.0], errors=[0, 0, 0, 0])
    found = Findings(rows=ours + others)
    assert ratio(found, {"side": "ours"}, {"side": "others"}, "rate") == Ratio(4.0, 3)
    assert median(found, {"side": "ours"}, "rate") == 40.0
    assert ratio(found, {"side": "ours"}, {"side": "none"}, "rate") is None
    assert ratio(None, {}, {}, "rate") is None


@pytest.mark.parametrize(
    ("sense", "value", "verdict"),
    [
        ("at least", 2.0, "pass"),
        ("at least", 1.9, "miss"),
        ("at most", 2.0, "pass"),
        ("at most", 2.1, "miss"),
        ("below", 1.9, "pass"),
        ("below", 2.0, "miss"),
    ],
)
def test_targets_have_a_sense(sense: Any, value: float, verdict: str) -> None:
    """ "at least" and "at most" include their bound, and "below" does not."""
    assert Target("t", sense, 2.0, "x", Ratio(value, 5)).verdict == verdict
    assert Target("t", sense, 2.0, "x", None).verdict == "not measured"


def test_targets_read_the_measured_rows() -> None:
    """The targets find their rows, and both more requests and less time are better."""
    loads = {
        ("hot", "pixstore/uvicorn"): [300.0, 330.0],
        ("hot", "middleware/uvicorn"): [340.0, 340.0],
        ("hot", "alone/uvicorn"): [390.0, 390.0],
        ("hot", "floor/uvicorn"): [600.0, 600.0],
        ("hot", "npm/node"): [100.0, 100.0],
        ("gallery", "pixstore/uvicorn"): [150.0, 150.0],
        ("gallery", "npm/node"): [90.0, 100.0],
    }
    servers = Findings(
        [
            row
            for (load, contestant), rates in loads.items()
            for row in rows(load=load, contestant=contestant, size=30_000, connections=16, requests_per_s=rates)
        ]
    )
    for contestant, used in {"batches/uvicorn": [410.0, 410.0], "singles/uvicorn": [1000.0, 1000.0]}.items():
        servers.rows += rows(load="page", contestant=contestant, page_us=used)
    pieces = Findings(
        rows=[
            *rows(case="proof verify", seconds=[3e-6]),
            *rows(case="hmac.digest", seconds=[1e-6]),
            *rows(case="AES-256-GCM, 5000000", seconds=[1e-4]),
            *rows(case="seal streamed, 5000000", seconds=[2e-4]),
        ]
    )
    records = Findings(
        rows=[
            *rows(label="cold, 5 MB", contestant="sealed", ms=[40.0, 42.0, 50.0]),
            *rows(label="cold, 5 MB", contestant="plain", ms=[40.0, 40.0, 40.0]),
            *rows(label=sealed_records.ANSWER, contestant="sealed", ms=[1.5, 1.7, 1.6]),
            *rows(label=sealed_records.ANSWER, contestant="plain", ms=[1.0, 1.1, 1.3]),
        ]
    )
    browser = Findings(
        rows=[
            *rows(label="cold fetch, 50 KB", contestant="pixstore", ms=[2.0, 3.0, 2.0]),
            *rows(label="cold fetch, 50 KB", contestant="floor", ms=[2.0, 2.8, 1.9]),
            *rows(label="hot read, every byte, 50 KB", contestant="pixstore", ms=[2.0, 3.0, 2.0]),
            *rows(label="hot read, every byte, 50 KB", contestant="npm", ms=[4.0, 4.0, 4.0]),
            *rows(label="a hit of 5 MB", contestant="pixstore", bytes_written=[1500]),
        ]
    )
    saves = Findings(
        rows=[
            *rows(size=30_000, format="png", concurrent=1, contestant=["pixstore"], cpu_us=[590.0]),
            *rows(size=30_000, format="jpeg", concurrent=16, contestant=["pixstore"], cpu_us=[410.0]),
            *rows(size=30_000, format="png", concurrent=1, contestant=["floor"], cpu_us=[100.0]),
        ]
    )
    parts = {"servers": servers, "saves": saves, "in-process": pieces, "browser": browser, "sealed-records": records}
    measured = {t.name: t for t in targets(parts) if t.measured}
    found = {name: (round(t.measured.value, 3), t.verdict) for name, t in measured.items() if t.measured}
    assert list(found.values()) == [
        (0.525, "pass"),
        (0.567, "miss"),
        (0.65, "pass"),
        (3.15, "pass"),
        (1.583, "miss"),
        (0.41, "miss"),
        (5.9, "pass"),
        (4.1, "miss"),
        (3.0, "miss"),
        (0.5, "miss"),
        (1.053, "miss"),
        (0.5, "miss"),
        (1.5, "miss"),
        (1.05, "pass"),
        (0.5, "miss"),
    ]
    assert "**miss**" in targets_table(list(measured.values()))


def test_a_run_of_one_part_keeps_the_others(tmp_path: Path) -> None:
    """A run of one part keeps the others' results of the same plan, and marks them as from another run."""
    before, now = ({"commit": name, "cpu": "any", "cores": 2, "versions": {"wrk": name}} for name in ("old", "new"))
    pieces = Findings(rows(case=["proof issue"], seconds=[1e-6]), environment=before)
    write(tmp_path, FULL, before, {"in-process": pieces})
    assert read(tmp_path, QUICK) == {}
    kept = read(tmp_path, FULL)
    assert kept == {"in-process": pieces}
    write(tmp_path, FULL, now, {**kept, "memory": Findings(environment=now)})
    assert set(read(tmp_path, FULL)) == {"in-process", "memory"}
    text = (tmp_path / "results.md").read_text()
    assert "Measured in another run: commit old, wrk old." in text
    assert "| proof issue |" in text


def test_the_results_say_whether_all_parts_are_from_one_commit(tmp_path: Path) -> None:
    """The head names the parts of other commits and the missing ones; a table has start, minutes and load of each."""
    before: dict[str, Any] = {"commit": "old", "cpu": "any", "cores": 2, "versions": {}}
    now = {**before, "commit": "new"}
    timing: dict[str, float | str] = {
        "started": "2026-05-01 10:00+00:00",
        "seconds": 90,
        "load_at_start": 0.3,
        "load_at_end": 2.25,
    }
    parts = {name: Findings(environment=now, timing=timing) for name in PARTS}
    write(tmp_path, FULL, now, parts)
    assert read(tmp_path, FULL) == parts
    text = (tmp_path / "results.md").read_text()
    assert "All parts are from this commit." in text
    assert "| servers | `new` | 2026-05-01 10:00+00:00 | 1.5 | 0.3 | 2.25 |" in text
    del parts["memory"]
    write(tmp_path, FULL, now, {**parts, "saves": Findings(environment=before)})
    text = (tmp_path / "results.md").read_text()
    assert "All parts" not in text
    assert "**saves is from commit `old`.** **Not measured: memory.**" in text
    assert "| saves | `old` | - | - | - | - |" in text


def test_a_full_run_goes_on_with_the_parts_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --resume the command measures only the parts without results of the current commit, and keeps the others."""
    describe = {"commit": "new", "cpu": "any", "cores": 2, "versions": {}}
    parts = {name: Findings(environment=describe) for name in PARTS if name != "growth"}
    parts["saves"].environment = {**describe, "commit": "old"}
    write(tmp_path, FULL, describe, parts)
    measured: list[str] = []

    def measure(name: str) -> Findings:
        measured.append(name)
        return Findings()

    monkeypatch.setattr(command, "describe", lambda: describe)
    monkeypatch.setattr(command, "_MEASURE", {name: lambda plan, name=name: measure(name) for name in PARTS})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--resume", "--out", str(tmp_path)])
    command.main()
    assert measured == ["saves", "growth"]
    assert "All parts are from this commit." in (tmp_path / "results.md").read_text()


def test_results_do_not_make_a_commit_dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that continues sees its own results as no change of the commit, and any other file as one."""
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    for line in ("init -q", "-c user.name=a -c user.email=a@b commit -q --allow-empty -m first"):
        subprocess.run(["git", *line.split()], cwd=tmp_path, check=True)
    results = tmp_path / "benchmarks/results"
    results.mkdir(parents=True)
    (results / "results.md").write_text("new")
    commit = environment.describe()["commit"]
    assert len(commit) == 40
    (tmp_path / "code.py").write_text("new")
    assert environment.describe()["commit"] == f"{commit}-dirty"
