"""Runs the scenarios against both packages and prints two tables: `python -m tests.interop.table`.

With `--write` it also puts them into docs/npm.md and js_client/README.md.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.interop.scenarios import SCENARIOS, ServerScenario
from tests.interop.scenarios.defects import DEFECTS
from tests.interop.sides import Side, both_sides
from tests.interop.tabs import Tabs, open_tabs
from tests.support.paths import DOCS, ROOT

NPM_PAGE = DOCS / "npm.md"
MARKER = "<!-- scenarios -->"
CLIENT_README = ROOT / "js_client" / "README.md"
CLIENT_MARKER = "<!-- client defects -->"
HEAD = ["| | scenario | npm pixstore 3.2.1 | pixstore_asgi |", "|--:|---|---|---|"]


class Row(NamedTuple):
    """One scenario: its title and the observation on either side."""

    title: str
    npm: str
    ours: str


def observe(number: int, sides: Mapping[str, Side], tabs: Tabs | None) -> Row:
    """Run a scenario against both sides; those of the client need tabs."""
    scenario = SCENARIOS[number]
    if isinstance(scenario, ServerScenario):
        return Row(scenario.title, *(scenario.observe(sides[name]) for name in ("npm", "ours")))
    assert tabs is not None
    return Row(scenario.title, *(scenario.observe(sides[name], tabs) for name in ("npm", "ours")))


def render(rows: Mapping[int, Row]) -> str:
    lines = [f"| {number} | {' | '.join(row)} |" for number, row in rows.items()]
    return "\n".join([*HEAD, *lines])


def observe_defect(number: int, sides: Mapping[str, Side], tabs: Tabs) -> Row:
    """Look for a client's defect on both sides; the first is number 1."""
    defect = DEFECTS[number - 1]
    return Row(defect.title, *(defect.observe(sides[name], tabs) for name in ("npm", "ours")))


def shown_in(page: Path, marker: str) -> dict[int, Row]:
    """Return the rows of the table that stands between two markers."""
    _, table, _ = page.read_text().split(marker)
    lines = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$", table, re.MULTILINE)
    return {int(number): Row(*cells) for number, *cells in lines}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.table", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into their pages")
    is_written = parser.parse_args().write
    chromium = shutil.which("chromium-headless-shell")
    if chromium is None:
        sys.exit("chromium-headless-shell is missing: install the package chromium-headless-shell (Debian)")
    with tempfile.TemporaryDirectory() as folder, both_sides(Path(folder)) as sides, open_tabs(chromium) as tabs:
        table = render({number: observe(number, sides, tabs) for number in SCENARIOS})
        defects = render({number: observe_defect(number, sides, tabs) for number in range(1, len(DEFECTS) + 1)})
    print(table, defects, sep="\n\n")
    if is_written:
        write(NPM_PAGE, MARKER, table)
        write(CLIENT_README, CLIENT_MARKER, defects)


def write(page: Path, marker: str, table: str) -> None:
    before, _, after = page.read_text().split(marker)
    page.write_text(f"{before}{marker}\n\n{table}\n\n{marker}{after}")


if __name__ == "__main__":
    main()
