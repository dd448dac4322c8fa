"""Ends the watch of SessionPictures over a class of sessions, which other tests use too."""

from typing import Any

from sqlalchemy import event

from pixstore_asgi.integrations.sqlalchemy import session


def unwatch(sessions: Any) -> None:
    """Remove the listeners of the SessionPictures that watches these sessions, if there is one."""
    if pictures := session._watching.pop(sessions, None):
        for listener in pictures._listeners():
            event.remove(sessions, *listener)
