"""The benchmark of scrolling: its tables and its chart have what was measured."""

from benchmarks.plan import Findings
from benchmarks.runs import Row
from benchmarks.scroll.table import scroll_panels, scroll_tables
from benchmarks.scroll.ways import ELEMENT, EMPTY, NPM

SMOOTHNESS: Row = {"frames_per_s": 59.5, "late": 0.01, "held_up": 0.002, "longest_wait_ms": 66.7, "renderer_s": 2.5}
TASKS: Row = {"long_tasks": 1, "longest_task_ms": 54, "opening_task_ms": 70}
TRAFFIC: Row = {"requests": 40, "bytes": 23_000_000}
MEMORY: Row = {"start_mib": 380.0, "peak_above_mib": 300.0, "end_above_mib": 250.0, "kept_above_mib": 20.0}
PICTURES: Row = {"seen": 1_000, "shown": 0.998, "wait_ms": 1.5, "unseen": 2}


def visit(name: str, main_thread_s: float) -> Row:
    row: Row = {"contestant": name, "round": 0, "images": 1_000, "main_thread_s": main_thread_s, "heap_above_mib": 0.5}
    return row | SMOOTHNESS | TASKS | TRAFFIC | MEMORY | ({} if name == EMPTY else PICTURES)


FOUND = Findings([visit(EMPTY, 0.25), visit(ELEMENT, 1.0), visit(NPM, 2.0)])


def test_tables_have_what_was_measured() -> None:
    """Ratios are to npm's page; the empty page is in the table of frames alone, having no pictures."""
    text = scroll_tables(FOUND)
    assert "| pix-image | 0.50x | 1 s | 2.5 s | 59.5 | 1.0% | 0.2% | 67 ms | 1 | 54 ms | 70 ms |" in text
    assert "| pix-image | 99.8% | 2 ms | 2 | 40 | 23 MB | 380 | 300 | 250 | 20 | 0.5 |" in text
    assert text.count("| empty page |") == 1


def test_the_chart_marks_the_pages_of_ours() -> None:
    """Each panel has every page in its own unit, and the package's own are told from the others."""
    panels = scroll_panels(FOUND)
    assert [[(bar.label, bar.text, bar.is_ours) for bar in panel.bars] for panel in panels] == [
        [("empty page", times, False), ("pix-image", ours, True), ("npm by hand", npm, False)]
        for times, ours, npm in (("0.25 s", "1 s", "2 s"), ("1 %",) * 3, ("300 MiB",) * 3)
    ]
