"""upkeep.md: the table of log events has the events, levels and fields of the code."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT

LEVELS = {"debug", "info", "warning", "error", "exception"}
DEMO = ROOT / "pixstore_asgi" / "demo"


def log_calls() -> Iterator[ast.Call]:
    """Every call of the package's logger."""
    for path in (ROOT / "pixstore_asgi").rglob("*.py"):
        if DEMO in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                target = node.func.value
                if isinstance(target, ast.Name) and target.id == "_log":
                    yield node


def told(call: ast.Call) -> tuple[str, str, set[str]]:
    """Return the event, level and fields of a call."""
    (extra,) = [keyword.value for keyword in call.keywords if keyword.arg == "extra"]
    assert isinstance(extra, ast.Call)
    assert isinstance(extra.args[0], ast.Constant)
    assert isinstance(call.func, ast.Attribute)
    level = "error" if call.func.attr == "exception" else call.func.attr
    return str(extra.args[0].value), level, {str(keyword.arg) for keyword in extra.keywords}


def test_every_event_is_listed() -> None:
    """Each call has an event, and the table has each event's levels and fields, and no other."""
    levels: dict[str, set[str]] = defaultdict(set)
    fields: dict[str, set[str]] = defaultdict(set)
    for call in log_calls():
        event, level, its_fields = told(call)
        levels[event].add(level)
        fields[event] |= its_fields
    listed = {
        event.strip("`"): (set(level.split(", ")), {field.strip("`") for field in named.split(", ") if field})
        for event, level, named, _ in rows((DOCS / "upkeep.md").read_text(), "| event |")
    }
    assert listed == {event: (levels[event], fields[event]) for event in levels}
