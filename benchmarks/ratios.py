"""Ratios of paired measurements, the median of one quotient per round, and targets as bounds on them."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .plan import Findings

Parts = Mapping[str, Findings]
"""The findings of each part, by its name."""

Selection = Mapping[str, str | int]
"""Column values that pick one row a round."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A median quotient or difference, and the number of pairs behind it."""

    value: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Target:
    """A bound: `measured` must be at least, at most, or below it."""

    name: str
    sense: Literal["at least", "at most", "below"]
    bound: float
    unit: str
    measured: Ratio | None

    @property
    def verdict(self) -> str:
        """Tell whether it is met: "pass", "miss" or "not measured"."""
        if self.measured is None:
            return "not measured"
        value = self.measured.value
        is_met = {"at least": value >= self.bound, "at most": value <= self.bound, "below": value < self.bound}
        return "pass" if is_met[self.sense] else "miss"


def select(found: Findings | None, selection: Selection) -> list[dict[str, Any]]:
    """Return the rows with these column values that count: those with wrong answers or errors do not."""
    rows = found.rows if found else []
    return [
        row
        for row in rows
        if all(row.get(name) == value for name, value in selection.items())
        and not row.get("wrong")
        and not row.get("errors")
    ]


def only(found: Findings, column: str, value: str | int) -> Findings:
    """Return the rows with this column value, those that do not count among them."""
    return Findings([row for row in found.rows if row.get(column) == value])


def median(found: Findings | None, selection: Selection, column: str) -> float | None:
    """Return the median of a column over the rounds that have it, or None if there is none."""
    values = [float(row[column]) for row in select(found, selection) if column in row]
    return statistics.median(values) if values else None


def ratio(found: Findings | None, over: Selection, under: Selection, column: str) -> Ratio | None:
    """Return the median of `over` / `under`, paired by round, or None where no round has both."""
    tops = _by_round(select(found, over), column)
    bottoms = _by_round(select(found, under), column)
    quotients = [tops[number] / bottoms[number] for number in tops.keys() & bottoms.keys() if bottoms[number]]
    return Ratio(statistics.median(quotients), len(quotients)) if quotients else None


def difference(found: Findings | None, over: Selection, under: Selection, column: str) -> Ratio | None:
    """Return the median of `over` - `under`, paired by round, or None where no round has both."""
    tops = _by_round(select(found, over), column)
    bottoms = _by_round(select(found, under), column)
    differences = [tops[number] - bottoms[number] for number in tops.keys() & bottoms.keys()]
    return Ratio(statistics.median(differences), len(differences)) if differences else None


def distinct(found: Findings | None, column: str) -> list[Any]:
    """Return the values of a column in the order in which they first occur."""
    return list(dict.fromkeys(row[column] for row in (found.rows if found else []) if column in row))


def _by_round(rows: Iterable[Mapping[str, Any]], column: str) -> dict[int, float]:
    return {int(row["round"]): float(row[column]) for row in rows if column in row}
