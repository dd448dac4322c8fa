"""architecture.md: its packages, paths and table of changes name folders and files that exist."""

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
PATHS = [heading for heading in re.findall(r"^## (.*)$", PAGE, re.MULTILINE) if heading.startswith("The path of ")]


def named(head: str) -> set[str]:
    """Return the files and folders in the first column of a table."""
    return {name for cells in rows(PAGE, head) for name in re.findall(r"`([^`]+)`", cells[0])}


def packages(root: Path) -> set[str]:
    """Return the folders below `root` that hold code, as the page writes them."""
    code = [path for pattern in ("*.py", "*.js") for path in root.rglob(pattern)]
    return {f"{path.parent.relative_to(root).as_posix()}/" for path in code if path.parent != root}


@pytest.mark.parametrize(
    ("head", "root"), [("| `pixstore_asgi` |", PACKAGE), ("| `js_client/src` |", CLIENT)], ids=["package", "client"]
)
def test_the_packages_are_the_folders(head: str, root: Path) -> None:
    """Every folder that holds code is named, and every folder and file that is named exists."""
    names = named(head)
    assert packages(root) <= names
    assert not [name for name in names if not (root / name).exists()]


def test_the_folders_of_tests_are_named() -> None:
    """Every folder of tests is named, and every folder that is named exists."""
    folders = {f"{path.name}/" for path in TESTS.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert named("| `tests` |") == folders


@pytest.mark.parametrize("heading", PATHS)
def test_the_files_of_a_path_exist(heading: str) -> None:
    """Every step of a path begins with the name of its file."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    steps = re.findall(r"^\d+\. (.*)$", section, re.MULTILINE)
    files = [match[1] for step in steps if (match := re.match(r"`([^`]+)`", step))]
    assert len(files) == len(steps) > 5
    assert not [name for name in files if not (ROOT / name).is_file()]


def test_three_paths_are_described() -> None:
    """A request, a save and a picture in the page are followed file by file."""
    assert PATHS == ["The path of a GET", "The path of a save", "The path of a getImage"]


def test_the_files_to_touch_exist() -> None:
    """Every file and folder in the table of changes exists, and each of the usual changes has its row."""
    changes = rows(PAGE, "| to change | touch | show it in |")
    usual = [
        "a column of images",
        "an option of a save",
        "an image format",
        "a store",
        "a command",
        "a header of images",
    ]
    assert {*usual, "an option of the client"} <= {cells[0] for cells in changes}
    named_files = [name for cells in changes for column in cells[1:] for name in re.findall(r"`([^`]+)`", column)]
    assert not [name for name in named_files if not (ROOT / name).exists()]


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("The package", DIRECTION),
        ("The browser client", ast.literal_eval(re.findall(r"const ROWS = (\[.*?\n\]);", CLIENT_TEST, re.DOTALL)[0])),
    ],
    ids=["package", "client"],
)
def test_the_directions_are_those_that_are_checked(heading: str, table: list[list[str]]) -> None:
    """The page's line of arrows has the packages in the order that the tests of imports enforce."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (line,) = re.findall(r"```text\n(errors[^`]*)```", section)
    assert [sorted(names.replace(",", " ").split()) for names in line.split("→")] == [sorted(row) for row in table]
