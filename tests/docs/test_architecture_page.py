"""architecture.md: its rooms are the folders that are there, its walks lead past files that are there."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.tables import rows
from tests.project.direction import DIRECTION
from tests.support.paths import DOCS, PACKAGE, ROOT, TESTS

PAGE = (DOCS / "architecture.md").read_text()
CLIENT = ROOT / "js_client" / "src"
CLIENT_TEST = (TESTS / "js" / "direction.test.js").read_text()
WALKS = [heading for heading in re.findall(r"^## (.*)$", PAGE, re.MULTILINE) if heading.startswith("The walk of ")]


def named(head: str) -> set[str]:
    """Return the files and folders that a table of rooms names."""
    return {name for cells in rows(PAGE, head) for name in re.findall(r"`([^`]+)`", cells[0])}


def rooms(root: Path) -> set[str]:
    """Return the folders below `root` that hold code, as the page writes them."""
    code = [path for pattern in ("*.py", "*.js") for path in root.rglob(pattern)]
    return {f"{path.parent.relative_to(root).as_posix()}/" for path in code if path.parent != root}


@pytest.mark.parametrize(
    ("head", "root"), [("| `pixstore_asgi` |", PACKAGE), ("| `js_client/src` |", CLIENT)], ids=["package", "client"]
)
def test_the_rooms_are_the_folders(head: str, root: Path) -> None:
    """Every folder that holds code is named, and every folder and file that is named exists."""
    names = named(head)
    assert rooms(root) <= names
    assert not [name for name in names if not (root / name).exists()]


def test_the_rooms_of_the_tests_are_the_folders() -> None:
    """Every folder of tests is named, and every folder that is named exists."""
    folders = {f"{path.name}/" for path in TESTS.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert named("| `tests` |") == folders


@pytest.mark.parametrize("heading", WALKS)
def test_the_files_of_a_walk_exist(heading: str) -> None:
    """Every step of a walk names the file that it happens in."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    steps = re.findall(r"^\d+\. (.*)$", section, re.MULTILINE)
    files = [match[1] for step in steps if (match := re.match(r"`([^`]+)`", step))]
    assert len(files) == len(steps) > 5
    assert not [name for name in files if not (ROOT / name).is_file()]


def test_three_walks_are_described() -> None:
    """A request, a save and a picture in the page are followed file by file."""
    assert WALKS == ["The walk of a GET", "The walk of a save", "The walk of a getImage"]


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("The package", DIRECTION),
        ("The browser client", ast.literal_eval(re.findall(r"const ROWS = (\[.*?\n\]);", CLIENT_TEST, re.DOTALL)[0])),
    ],
    ids=["package", "client"],
)
def test_the_directions_are_those_that_are_checked(heading: str, table: list[list[str]]) -> None:
    """The page's line of arrows has the rooms that the tests of imports hold every file to, in their order."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (line,) = re.findall(r"\n\n((?: {4}.*\n)+)", section)
    assert [sorted(rooms.replace(",", " ").split()) for rooms in line.split("→")] == [sorted(row) for row in table]
