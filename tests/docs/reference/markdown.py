"""Tables in Markdown, with cells made from plain text."""

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, without columns that are empty. Newlines in a cell become line breaks."""
    columns = zip(head, *rows, strict=True)
    cells = [[cell(text) for text in column] for column in columns if any(column[1:])]
    names, *lines = zip(*cells, strict=True)
    return "\n".join(f"| {' | '.join(row)} |" for row in [names, ["---"] * len(names), *lines])


def cell(text: str) -> str:
    return prose(text).replace("|", r"\|").replace("\n", "<br>")


def prose(text: str) -> str:
    """Return a plain text as Markdown: stars escaped, options of commands as code, the pages that it names as links."""
    linked = re.sub(r'docs/([\w/-]+)\.md(?:, "([^"]+)")?', _link, text)
    parts = re.split(r"(`[^`]*`)", linked)
    return "".join(part if part.startswith("`") else _plain(part) for part in parts)


def _plain(text: str) -> str:
    escaped = re.sub(r"(?<!\*)\*(?!\*)", r"\*", text)
    return re.sub(r"(?<![\w-])(--[a-z][\w-]*)", r"`\1`", escaped)


def _link(cited: re.Match[str]) -> str:
    page, heading = cited.groups()
    name = page.replace("-", " ")
    return f"[{name}, {heading}]({page}.md#{heading.lower().replace(' ', '-')})" if heading else f"[{name}]({page}.md)"
