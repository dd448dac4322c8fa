"""Ends the watch of SessionPictures over a class of sessions, which other tests use too."""

from sqlalchemy.orm import Session

from pixstore_asgi.integrations.sqlalchemy import session


def unwatch(sessions: type[Session]) -> None:
    """Forget the SessionPictures that watches these sessions, if there is one."""
    session._watching.pop(sessions, None)
