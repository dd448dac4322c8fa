"""An application needs few lines for its pictures, and the documents give their number."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import DOCS

HERE = Path(__file__).parent
APPLICATIONS = sorted(path.parent for path in HERE.glob("*/pictures.py"))
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """Count the lines with code: without comments, empty lines and docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - _docstring_lines(ast.parse(source)))


def _docstring_lines(tree: ast.Module) -> set[int]:
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    return {line for text in texts for line in range(text.lineno, (text.end_lineno or text.lineno) + 1)}


def glue_lines(application: Path) -> int:
    """Count the lines that an application would not have without pictures. Django writes migrations itself."""
    count = 0
    for path in application.rglob("*.py"):
        source = path.read_text()
        if path.name == "pictures.py":
            count += code_lines(source)
        elif path.parent.name != "migrations" and path.name != "tests.py":
            code = [line.strip()[:1] not in ("", "#") for line in source.splitlines()]
            tree = ast.parse(source)
            about = {each for first, last in _parts(tree, source) for each in range(first, last + 1)}
            count += len({each for each in about if code[each - 1]} - _docstring_lines(tree))
    return count


def _parts(tree: ast.AST, source: str) -> Iterator[tuple[int, int]]:
    """Yield the first and last line of each function for pictures, and of each other statement that names them."""
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("pictures")
        for alias in node.names
    }
    is_about = re.compile("|".join(["pictur", "pixstore", *(rf"\b{name}\b" for name in names)]), re.IGNORECASE).search
    lines = source.splitlines()
    counted: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or node.lineno in counted:
            continue
        body = getattr(node, "body", None)
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            head = " ".join([node.name, *(ast.unparse(each) for each in decorators)])
            if is_about(head):
                counted.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
                yield first, node.end_lineno or node.lineno
                continue
        if is_about("\n".join(lines[first - 1 : last])):
            yield first, last


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda path: path.name)
def test_pictures_need_few_lines(application: Path) -> None:
    """An application has as many lines for its pictures as docs/recipes.md says, in all its files. Only its file
    `pictures.py` imports the library.
    """
    (said,) = re.findall(rf"\| `{application.name}` \| [^|]+ \| (\d+) \|", (DOCS / "recipes.md").read_text())
    assert glue_lines(application) == int(said)
    for path in application.rglob("*.py"):
        if path.name != "pictures.py" and path.parent.name != "migrations" and not path.name.startswith("test_"):
            assert "import pixstore_asgi" not in path.read_text(), path
            assert "from pixstore_asgi" not in path.read_text(), path


def test_functions_and_names_count(tmp_path: Path) -> None:
    """Of a file besides `pictures.py`, each function for pictures counts whole, and each statement that names one."""
    (tmp_path / "pictures.py").write_text("a = 1\n")
    (tmp_path / "app.py").write_text(
        "from .pictures import show\n\n\ndef own_picture(x):\n    y = x\n    return y\n\n\nz = show()\nb = 2\n"
    )
    assert glue_lines(tmp_path) == 1 + 1 + 3 + 1


def test_only_code_counts() -> None:
    """Comments, docstrings and empty lines are no code; each line of a call with several lines is."""
    assert code_lines('"""Text.\n\nMore."""\n\n# why\nf(\n    1,\n)  # why\n') == 3
