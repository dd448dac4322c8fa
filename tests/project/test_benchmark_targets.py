"""The targets, ratios and tables of the benchmarks."""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import sealed_records
from benchmarks.browser import eviction
from benchmarks.browser.cases import all_cases
from benchmarks.plan import FULL, QUICK, Findings
from benchmarks.ratios import Ratio, median, ratio
from benchmarks.report import read, write
from benchmarks.scroll.ways import ELEMENT, IN_CLEAR
from benchmarks.tables import targets_table
from benchmarks.targets import Target, targets

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
    assert verdicts == ["miss", "pass", "pass", "miss", *["not measured"] * 8]


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
            *rows(label="cold fetch, 50 KB", contestant="npm", ms=[4.0, 4.0, 4.0]),
            *rows(label="a hit of 5 MB", contestant="pixstore", bytes_written=[1500]),
        ]
    )
    saves = Findings(
        rows=[
            *rows(size=30_000, format="png", concurrent=1, contestant=["pixstore"], saves_per_s=[70.0]),
            *rows(size=30_000, format="jpeg", concurrent=1, contestant=["pixstore"], saves_per_s=[60.0]),
            *rows(size=30_000, format=["png", "jpeg"], concurrent=1, contestant="npm", saves_per_s=10.0, round=0),
        ]
    )
    parts = {"servers": servers, "saves": saves, "in-process": pieces, "browser": browser, "sealed-records": records}
    measured = {t.name: t for t in targets(parts) if t.measured}
    found = {name: (round(t.measured.value, 3), t.verdict) for name, t in measured.items() if t.measured}
    assert list(found.values()) == [
        (3.15, "pass"),
        (3.4, "miss"),
        (1.583, "miss"),
        (0.41, "miss"),
        (7.0, "pass"),
        (6.0, "miss"),
        (3.0, "miss"),
        (0.5, "miss"),
        (0.5, "pass"),
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
