"""An application needs few lines for its pictures, and has them all in one file."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

HERE = Path(__file__).parent
APPLICATIONS = sorted(path.parent for path in HERE.glob("*/pictures.py"))
MOST_LINES = 60
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


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda path: path.name)
def test_pictures_need_few_lines(application: Path) -> None:
    """All files `pictures.py` have at most 60 lines with code, and the application's other files do not import the
    library. Django writes migrations itself.
    """
    assert sum(code_lines(path.read_text()) for path in application.rglob("pictures.py")) <= MOST_LINES
    for path in application.rglob("*.py"):
        if path.name != "pictures.py" and path.parent.name != "migrations" and not path.name.startswith("test_"):
            assert "import pixstore_asgi" not in path.read_text(), path
            assert "from pixstore_asgi" not in path.read_text(), path


def test_only_code_counts() -> None:
    """Comments, docstrings and empty lines are no code; each line of a call with several lines is."""
    assert code_lines('"""Text.\n\nMore."""\n\n# why\nf(\n    1,\n)  # why\n') == 3
