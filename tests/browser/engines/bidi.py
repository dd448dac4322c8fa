"""A WebDriver BiDi session: commands that wait for their answers, and the errors of pages that arrive meanwhile."""

import itertools
import json
from collections import defaultdict
from typing import Any

from websockets.sync.client import ClientConnection

ANSWER_WITHIN_S = 60
REFUSALS = (
    "Cross-Origin Request Blocked",
    "Content-Security-Policy",
    "The resource at",  # … was blocked due to its Cross-Origin-Resource-Policy
    "Failed to get service worker registration(s): Storage access is restricted",
    "Failed to load \u2018\u2019. A ServiceWorker intercepted",  # what was embedded, and refused
)
"""How the browser tells of what it refused a page: no error that the page could have caught."""


class BidiError(Exception):
    """The browser refused a command."""


class BidiSession:
    """A session over an open WebSocket; `page_errors` has those of each browsing context, as far as they were read."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.page_errors: defaultdict[str, list[str]] = defaultdict(list)
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])

    def call(self, method: str, **parameters: object) -> Any:
        """Send a command and return its result. Raises BidiError."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(ANSWER_WITHIN_S))
            if message["type"] == "event":
                self._note(message["params"])
            elif message["type"] == "error":
                raise BidiError(f"{method}: {message['error']}: {message['message']}")
            elif message["id"] == number:
                return message["result"]

    def _note(self, entry: dict[str, Any]) -> None:
        is_error = entry["type"] == "javascript" and entry["level"] == "error"
        if is_error and not entry["text"].startswith(REFUSALS):
            self.page_errors[entry["source"].get("context", "")].append(entry["text"])
