"""Docstrings in Google style: a text, then the sections Args, Returns and Raises."""

import ast
import inspect
import re
from itertools import pairwise
from textwrap import dedent
from typing import Any, NamedTuple

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):\n((?:    .*\n|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^(\w+): (.*(?:\n .*)*)", re.MULTILINE)


class Docstring(NamedTuple):
    """A docstring in parts. text: its paragraphs. arguments, raises: a text by name."""

    text: list[str]
    arguments: dict[str, str]
    returns: str
    raises: dict[str, str]


def parsed(docstring: str) -> Docstring:
    """Return the parts of a docstring. Each paragraph and each item becomes one line; a list stays a list."""
    whole = inspect.cleandoc(docstring) + "\n"
    sections = {name: dedent(body) for name, body in _SECTION.findall(whole)}
    text = [_paragraph(each) for each in _SECTION.sub("", whole).split("\n\n") if each.strip()]
    arguments = _items(sections.get("Args", sections.get("Attributes", "")))
    return Docstring(text, arguments, _joined(sections.get("Returns", "")), _items(sections.get("Raises", "")))


def docstring_of(thing: Any) -> Docstring:
    """Return the parts of the docstring of a function, class, method or property."""
    return parsed(thing.__doc__ or "")


def constants_of(module: Any) -> dict[str, Docstring]:
    """Return the docstrings of a module's constants: the texts that follow their assignments."""
    body = ast.parse(inspect.getsource(module)).body
    found = {}
    for node, after in pairwise(body):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if (
            isinstance(target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[target.id] = parsed(after.value.value)
    return found


def functions_of(module: Any) -> dict[str, Docstring]:
    """Return the docstrings of a module's functions, also of decorated ones."""
    body = ast.parse(inspect.getsource(module)).body
    return {node.name: parsed(ast.get_docstring(node) or "") for node in body if isinstance(node, ast.FunctionDef)}


def _items(section: str) -> dict[str, str]:
    return {name: _joined(text) for name, text in _ITEM.findall(section)}


def _paragraph(text: str) -> str:
    lines = text.strip("\n")
    if not lines.startswith(("- ", "1. ")):
        return _joined(lines)
    return "\n".join(_joined(item) for item in re.split(r"\n(?=- |\d\. )", lines))


def _joined(text: str) -> str:
    return " ".join(text.split())
