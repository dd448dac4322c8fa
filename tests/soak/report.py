"""The report of a soak, as Markdown."""

from collections.abc import Mapping

from benchmarks.environment import describe
from tests.soak.mixed_load import Outcome

_MOST_LISTED = 20
_TOLD = ("commit", "cpu", "cores", "kernel", "databases on")


def report_of(outcomes: Mapping[str, Outcome], tests: str) -> str:
    """Return the report: work done, faults, and the result of the soak tests if they were run."""
    lines = ["# Soak", "", *(f"- {what}: {value}" for what, value in describe().items() if what in _TOLD), ""]
    if tests:
        lines += ["## Soak tests", "", tests, ""]
    lines += ["## Mixed load", "", "Three hosts behind HAProxy on one store, all of this at the same time.", ""]
    counts = list(dict.fromkeys(name for outcome in outcomes.values() for name in outcome.counts))
    faults = list(dict.fromkeys(name for outcome in outcomes.values() for name in outcome.faults))
    lines += [f"| | {' | '.join(outcomes)} |", "|---|" + "--:|" * len(outcomes)]
    lines += [_row(name, [outcome.counts.get(name, 0) for outcome in outcomes.values()]) for name in counts]
    lines += [_row(f"**{name}**", [len(outcome.faults[name]) for outcome in outcomes.values()]) for name in faults]
    for store, outcome in outcomes.items():
        for name in faults:
            lines += [f"- {store}, {name}: {fault}" for fault in outcome.faults[name][:_MOST_LISTED]]
    return "\n".join(lines) + "\n"


def _row(name: str, values: list[int]) -> str:
    return f"| {name} | {' | '.join(f'{value:,}' for value in values)} |"
