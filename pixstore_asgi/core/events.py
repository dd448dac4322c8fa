"""The names of what the log tells, for machines: each call gives one as `extra`, beside the words for people."""

from typing import Any


def event(name: str, **fields: Any) -> dict[str, Any]:
    """Return the `extra` of a log call: its event's name, and what a machine may want of it apart from the words.

    The events, their levels and fields are a table in docs/upkeep.md.
    """
    return {"event": name, **fields}
