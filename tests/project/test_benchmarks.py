"""The benchmarks: every part runs and finds something right, and what is no answer is never counted as one."""

import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.big_database import IMAGE_BYTES, make
from benchmarks.browser import eviction
from benchmarks.browser.cases import all_cases
from benchmarks.browser.part import case_names
from benchmarks.environment import missing_programs
from benchmarks.own_images import OwnImages, check_payload
from benchmarks.photos.treatments import SPREADS
from benchmarks.photos.ways import WAYS
from benchmarks.pictures import PICTURES, jpeg, png
from benchmarks.plan import FULL, PARTS, QUICK, Findings
from benchmarks.ratios import Ratio, median, ratio
from benchmarks.report import read, write
from benchmarks.scroll.ways import AGAIN, ELEMENT, EMPTY, IN_CLEAR, NPM, REACT
from benchmarks.scroll.ways import WAYS as SCROLL_WAYS
from benchmarks.tables import targets_table
from benchmarks.targets import Target, targets
from pixstore_asgi import Pixstore, WireState
from pixstore_asgi.core.formats.sniff import sniff
from pixstore_asgi.errors import IntegrityError
from tests.support.tools import go_without

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")]

TOOLS = {
    "in-process": ["node", "npm pixstore"],
    "servers": ["wrk", "nginx", "node", "npm pixstore"],
    "saves": ["node", "npm pixstore"],
    "growth": ["wrk"],
    "memory": ["node", "npm pixstore"],
    "stores": ["wrk", "postgres", "weed"],
    "pictures": ["chromium", "npm thumbhash"],
    "browser": ["chromium", "node", "npm front end"],
    "scroll": ["chromium", "node", "npm front end", "npm react"],
}
# The ways to show a page of pictures, and the requests that the quick plan's takes.
PAGES = {"thumbs, batches": 1, "thumbs, singles": 8, "originals, batches": 1, "originals, singles": 8}
# What tells the rows of a part apart, and all that must be among them.
FOUND = {
    "in-process": ("case", {"hmac.digest", "proof verify", "npm getImageRecord", "AES-256-GCM, 500000"}),
    "servers": (
        "contestant",
        {"pixstore/uvicorn", "middleware/uvicorn", "static/uvicorn", "floor/uvicorn", "npm/node", "nginx/nginx"},
    ),
    "saves": ("contestant", {"pixstore", "pixstore FULL", "npm"}),
    "growth": ("what", {"file", "open", "GET", "record", "save", "log", "workers"}),
    "memory": ("contestant", {"pixstore/uvicorn", "floor/uvicorn", "npm/node"}),
    "stores": ("contestant", {"SQLite", "PostgreSQL", "SQLite + S3", "PostgreSQL + S3"}),
    "pictures": ("contestant", {*WAYS, *PAGES, "strip", "seal", "seal, padded", *SPREADS}),
    "browser": ("case", set(case_names(QUICK))),
    "scroll": ("contestant", {name for way in SCROLL_WAYS for name in way.visits}),
}
STORES_LOADS = {
    "cached",
    "uncached",
    "first byte",
    "queries",
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
    """Run one part for a moment and return its results.json; `more` are further arguments."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", part, "--out", str(folder), *more]
    environment = {name: value for name, value in os.environ.items() if name != "PIXSTORE_SECRET"} | variables
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"[{part}]" in done.stderr
    results: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return results


def scrolled_as_said(rows: list[dict[str, Any]]) -> bool:
    """Tell whether every page was seen to its end, and whether requests were batched, single, or none at all."""
    requests = {row["contestant"]: row["requests"] for row in rows}
    count = QUICK.scroll_images
    return (
        {row.get("seen", count) for row in rows} == {count}
        and requests[EMPTY] == requests[AGAIN] == 0
        and requests[IN_CLEAR] == requests[NPM] == count
        and all(0 < requests[name] < count for name in (ELEMENT, REACT))
    )


LONG_PARTS = {"stores", "pictures", "scroll", "servers", "browser"}
"""Each takes half a minute or more: they run with the other long tests."""


@pytest.mark.servers
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "part", [pytest.param(name, marks=pytest.mark.soak) if name in LONG_PARTS else name for name in PARTS]
)
def test_every_part_runs(part: str, tmp_path: Path) -> None:
    """A quick run of a part measures every contestant, meets no wrong answer, and writes table, JSON and chart."""
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
    assert part != "saves" or {row["format"] for row in found["rows"]} == {"png", "jpeg"}
    assert part != "stores" or {row["load"] for row in found["rows"]} == STORES_LOADS
    assert (
        part != "pictures"
        or {row["contestant"]: row["requests"] for row in found["rows"] if "requests" in row} == PAGES
    )
    assert part != "scroll" or scrolled_as_said(found["rows"])
    assert results["environment"]["versions"]["pixstore-asgi"] != "missing"
    text = (tmp_path / "results.md").read_text()
    assert text.index("| target | wanted | measured |") < text.index("\n## ")
    for chart in tmp_path.glob("*.svg"):
        assert ET.fromstring(chart.read_text()).tag.endswith("svg")  # noqa: S314, written by the run itself
    assert {chart.stem for chart in tmp_path.glob("*.svg")} == {part} - {"in-process"}


@pytest.mark.servers
def test_one_case_of_the_browser_runs_alone(tmp_path: Path) -> None:
    """With --case that case alone is measured, for every contestant."""
    need(*TOOLS["browser"])
    found = run_quickly("browser", tmp_path, "--case", "hot-50KB")["parts"]["browser"]["rows"]
    assert {(row["case"], row["contestant"]) for row in found} == {
        ("hot-50KB", name) for name in ("npm", "pixstore", "floor")
    }


def test_an_unknown_case_is_refused() -> None:
    """A case that there is none of ends the command with the names of those that there are."""
    command = [sys.executable, "-m", "benchmarks", "--only", "browser", "--case", "cold-7KB"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert all(name in done.stderr for name in case_names(FULL))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """Without any program on the search path a run ends well, and its results say what was not measured and why."""
    results = run_quickly("saves", tmp_path, PATH=str(tmp_path))
    assert {row["contestant"] for row in results["parts"]["saves"]["rows"]} == {"pixstore", "pixstore FULL"}
    assert "node is missing: install the package nodejs" in results["parts"]["saves"]["missing"]
    assert results["environment"]["commit"] == "unknown"
    assert "- node is missing: install the package nodejs" in (tmp_path / "results.md").read_text()


def test_a_payload_is_checked_by_decrypting_it(tmp_path: Path) -> None:
    """A refusal, another image's payload and a changed byte are told from the image itself."""
    with OwnImages(tmp_path / "pixstore.db") as images:
        images.save((1000, 2000))
        record, payload = images.record(1000), images.payload(1000)
        check_payload(payload, record, png(1000))
        changed = payload[:-1] + bytes((payload[-1] ^ 1,))
        for wrong in (bytes((WireState.INVALID_PROOF,)), images.payload(2000), changed):
            with pytest.raises((ValueError, IntegrityError), match=r"wire state|authentication"):
                check_payload(wrong, record, png(1000))


@pytest.mark.parametrize(
    ("kind", "size"),
    [("png", 100), ("png", 1000), ("png", 30_000), ("jpeg", 30_000), ("jpeg", 370_000), ("jpeg", 3_800_000)],
)
def test_pictures_have_their_size(kind: str, size: int) -> None:
    """The measured images are whole ones of their format that decode, of exactly the size asked for."""
    picture = PICTURES[kind](size)
    assert len(picture) == size
    reader = sniff(picture[:12], frozenset({kind}))
    list(reader.feed(picture))
    reader.finish()
    with Image.open(io.BytesIO(picture), formats=[kind]) as decoded:
        decoded.load()


def test_most_of_a_jpeg_is_its_scan() -> None:
    """A measured JPEG is what a camera's is: few comments, and 0xFF within its scan every few hundred bytes."""
    picture = jpeg(3_800_000)
    assert picture.index(b"\xff\xda") < 500_000
    assert picture.count(b"\xff\x00") > 5_000


async def test_a_big_database_is_the_packages_own(tmp_path: Path) -> None:
    """Every image put in by plain SQL opens through the package, and more can be saved beside them."""
    database = await make(tmp_path / "big.db", 50)
    async with Pixstore(database.path, secret=database.secret) as pix:
        records = await pix.get_image_records(database.ids)
        assert len(records) == len(set(database.ids)) == 50
        for record in records.values():
            payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
            check_payload(b"".join([piece async for piece in payload]), record, png(IMAGE_BYTES))
        saved = await pix.save_image(png(1000))
        assert await pix.image_exists(saved.id)


def rows(**columns: Any) -> list[dict[str, Any]]:
    """Return one row a round; a list is one value a round."""
    count = max(len(value) for value in columns.values() if isinstance(value, list))
    return [{"round": n, **{k: v[n] if isinstance(v, list) else v for k, v in columns.items()}} for n in range(count)]


def test_every_target_of_the_browser_is_measured_by_a_case() -> None:
    """The labels that the targets name are those of the full plan's cases."""
    names = {target.name for target in targets({}) if target.name.startswith("browser, ")}
    labels = [*(case.label for case in all_cases(FULL)), eviction.label(FULL)]
    assert len(names) == 19
    assert all(any(name.startswith(f"browser, {label}: ") for label in labels) for name in names)


def test_the_targets_of_a_scroll_are_for_our_pages_alone() -> None:
    """Each page of ours has the same four bounds, and what is measured of another counts for none of them."""
    measured = {"opening_task_ms": 51.0, "longest_task_ms": 0.0, "kept_above_mib": 60.0, "heap_above_mib": 5.0}
    found = Findings([{"contestant": name, "round": 0, **measured} for name in (ELEMENT, IN_CLEAR)])
    verdicts = [target.verdict for target in targets({"scroll": found}) if target.name.startswith("scroll of 1,000 ")]
    assert verdicts == ["miss", "pass", "pass", "miss", *["not measured"] * 8]


def test_ratios_are_medians_of_pairs() -> None:
    """A ratio pairs by round, and leaves out rounds in which either had wrong answers or errors."""
    ours = rows(who="ours", rate=[10.0, 90.0, 40.0, 7.0], wrong=[0, 0, 0, 3])
    others = rows(who="others", rate=[5.0, 10.0, 10.0, 1.0], errors=[0, 0, 0, 0])
    found = Findings(rows=ours + others)
    assert ratio(found, {"who": "ours"}, {"who": "others"}, "rate") == Ratio(4.0, 3)
    assert median(found, {"who": "ours"}, "rate") == 40.0
    assert ratio(found, {"who": "ours"}, {"who": "nobody"}, "rate") is None
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
    """At least and at most include their bound, below does not."""
    assert Target("t", sense, 2.0, "x", Ratio(value, 5)).verdict == verdict
    assert Target("t", sense, 2.0, "x", None).verdict == "not measured"


def test_targets_read_what_was_measured() -> None:
    """The targets find their rows: more requests and less time are both better."""
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
    parts = {"servers": servers, "saves": saves, "in-process": pieces, "browser": browser}
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
    ]
    assert "**miss**" in targets_table(list(measured.values()))


def test_a_part_measured_alone_replaces_itself_alone(tmp_path: Path) -> None:
    """A run of one part keeps what others have found by the same plan, and says that it is of another run."""
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
