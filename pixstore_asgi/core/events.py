"""Event names for log processing: each log call passes one as `extra`, beside its message for people."""

from typing import Any


def event(name: str, **fields: Any) -> dict[str, Any]:
    """Return the `extra` of a log call: the event's name and its fields, as the table in docs/upkeep.md lists them."""
    return {"event": name, **fields}
