"""capacity.md: its results are the output of its program, from figures that the benchmarks found."""

import json
import re

import pytest

from benchmarks.plan import Findings
from benchmarks.ratios import median
from tests.docs.conftest import RunSnippet
from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT

PAGE = (DOCS / "capacity.md").read_text()
(PROGRAM,) = re.findall(r"```python\n# capacity.py\n(.*?)```", PAGE, re.DOTALL)
(PRINTED,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
STORES = Findings(json.loads((ROOT / "benchmarks/results/results.json").read_text())["parts"]["stores"]["rows"])
SHARED: dict[str, str | int] = {"contestant": "PostgreSQL + S3", "size": 370_000}


def test_the_program_prints_what_the_page_says(run_snippet: RunSnippet, capsys: pytest.CaptureFixture[str]) -> None:
    """The lines below the program are its own."""
    run_snippet(PROGRAM)
    assert capsys.readouterr().out == PRINTED


@pytest.mark.parametrize(
    ("row", "case"),
    [
        ("a GET of an image in memory", {"load": "cached", "connections": 16}),
        ("a GET of one that is not", {"load": "uncached", "connections": 16}),
        ("a save", {"load": "saves", "concurrent": 16}),
    ],
)
def test_its_figures_were_measured(row: str, case: dict[str, str | int]) -> None:
    """CPU of application and database are about the medians of the results, and the program has those of the table."""
    cells = {name: figures for name, *figures in rows(PAGE, "| | application | PostgreSQL |")}
    for cell, column in zip(cells[row], ("cpu_us", "database_us"), strict=False):
        measured = median(STORES, SHARED | case, column)
        assert measured is not None
        figure = float(cell.removesuffix(" µs").replace(",", ""))
        assert figure == pytest.approx(measured, rel=0.25)  # another run differs by as much
        assert f"* {figure:g}e-6" in PROGRAM
