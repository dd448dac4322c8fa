"""Event names for log processing. Each log call passes one as `extra`, besides its message for people."""

from typing import Any


def event(name: str, **fields: Any) -> dict[str, Any]:
    """Return the `extra` of a log call: the name of the event and its fields, as listed in docs/upkeep.md."""
    return {"event": name, **fields}
