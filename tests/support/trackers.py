"""Error trackers and printers: the text that each of them makes of an error or of a value."""

import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport
from sentry_sdk.utils import event_from_exception

import pixstore_asgi

PACKAGE = str(Path(pixstore_asgi.__file__).parent)


class Sent(Transport):
    """Keeps the text of each event in place of sending it."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.texts: list[str] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.texts.append(envelope.serialize().decode())


def sentry_client(**options: Any) -> tuple[sentry_sdk.Client, Sent]:
    """Return a client of its own, which changes nothing in this process, and its transport."""
    sent = Sent()
    options = {"dsn": "http://key@127.0.0.1/1", **options}
    client = sentry_sdk.Client(**options, transport=sent, default_integrations=False, auto_enabling_integrations=False)
    return client, sent


def sentry_text(error: BaseException) -> str:
    """Return the text that Sentry sends of an error."""
    client, sent = sentry_client()
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint)
    client.close()
    return "\n".join(sent.texts)


def captured_locals(error: BaseException) -> str:
    """Return the standard library's traceback with local variables."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def seen(value: object, depth: int = 4) -> str:
    """Return the text that trackers make of a local variable: they walk into dicts and lists, as Sentry does."""
    if depth and not hasattr(type(value), "__sentry_repr__"):
        if isinstance(value, Mapping):
            return "\n".join(seen(each, depth - 1) for pair in list(value.items()) for each in pair)
        if isinstance(value, list | tuple | set | frozenset):
            return "\n".join(seen(each, depth - 1) for each in list(value))
    try:
        return repr(value)
    except AttributeError:  # of an object before its __init__ has ended
        return ""


class LocalsAtEveryLine:
    """A trace function that looks into the local variables of the package's frames, at every line that runs.

    wanted: the texts to look for. found: the places that show one: file, function, variable.
    """

    def __init__(self, wanted: set[str]) -> None:
        self.wanted = wanted
        self.found: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        for name, value in frame.f_locals.items():
            if name != "scope" and any(text in shown for shown in [seen(value)] for text in self.wanted):
                place = Path(frame.f_code.co_filename).relative_to(PACKAGE)
                self.found.add(f"{place.as_posix()}: {frame.f_code.co_name}: {name}")
        return self
