"""Tables of the documents, read as their readers see them."""

import re


def rows(page: str, head: str) -> list[list[str]]:
    """Return the cells of the table with a first line that begins with `head`, without its two first lines."""
    (table,) = re.findall(rf"^{re.escape(head)}.*\n\|[-|: ]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]
