"""The table of log events: levels, messages and fields from the calls of the logger, meanings from `EVENTS`."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from pixstore_asgi.asgi import served
from pixstore_asgi.core.events import EVENTS
from tests.docs.reference.docstrings import constants_of
from tests.docs.reference.markdown import table
from tests.support.paths import PACKAGE

_LEVELS = {"debug", "info", "warning", "error", "exception"}


def log_events() -> str:
    """Return the table of all events, those of the demo left out."""
    levels: dict[str, set[str]] = defaultdict(set)
    messages: dict[str, set[str]] = defaultdict(set)
    fields: dict[str, set[str]] = defaultdict(set)
    for call in _calls():
        event, level, its_fields = _extra_of(call)
        levels[event].add(level)
        messages[event].add(f"`{_message(call)}`")
        fields[event] |= its_fields
    unlisted = levels.keys() ^ EVENTS.keys()
    assert not unlisted, f"list these in pixstore_asgi.core.events, or log them: {unlisted}"
    rows = [
        [
            f"`{name}`",
            ", ".join(sorted(levels[name])),
            ", ".join(f"`{field}`" for field in sorted(fields[name])),
            "\n".join([meaning, *sorted(messages[name] - {"`…: …`"})]),
        ]
        for name, meaning in EVENTS.items()
    ]
    return table(["event", "level", "fields", "meaning and message"], rows)


def audit() -> str:
    """Return the values that `on_served` gets."""
    return "\n\n".join(constants_of(served)["OnServed"].text)


def _calls() -> Iterator[ast.Call]:
    """Yield every call of the package's logger."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "demo" in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LEVELS:
                target = node.func.value
                if isinstance(target, ast.Name) and target.id == "_log":
                    yield node


def _extra_of(call: ast.Call) -> tuple[str, str, set[str]]:
    """Return the event, level and fields of a call."""
    (extra,) = [keyword.value for keyword in call.keywords if keyword.arg == "extra"]
    assert isinstance(extra, ast.Call)
    assert isinstance(extra.args[0], ast.Constant)
    assert isinstance(call.func, ast.Attribute)
    level = "error" if call.func.attr == "exception" else call.func.attr
    return str(extra.args[0].value), level, {str(keyword.arg) for keyword in extra.keywords}


def _message(call: ast.Call) -> str:
    assert isinstance(call.args[0], ast.Constant)
    return re.sub(r"(%[.\d]*[rsd])+", "…", str(call.args[0].value))
