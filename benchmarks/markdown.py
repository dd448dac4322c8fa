"""Tables in Markdown, and how figures stand in them."""

from collections.abc import Iterable, Sequence

from .ratios import Ratio

NOTHING = "-"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def times(found: Ratio | None) -> str:
    """Return a ratio as a table has it."""
    return f"{found.value:.2f}x" if found else NOTHING


def duration(seconds: float | None) -> str:
    """Return a time in µs, ms or s."""
    if seconds is None:
        return NOTHING
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def figure(value: float | None) -> str:
    """Return a number with three digits that count, or whole."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
