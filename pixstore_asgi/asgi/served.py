"""Served: an application is told of each image that a request got, or was refused, once its answer has ended."""

import inspect
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from starlette.types import Message, Scope, Send

from ..core.events import event
from ..errors import ConfigError, WireState

_log = logging.getLogger("pixstore_asgi")

OnServed = Callable[[Scope, str, WireState | None, int, float], object]
"""Called with a request's scope, the image's id as it was asked for, the wire state of the answer (None: 403, the
application's own rule), how many bytes of the answer were sent, and how many milliseconds after the request began."""

Told = Callable[[str, WireState | None], AbstractContextManager[None]]
"""Tells of one image of a batch, by its id and state."""


class Meter:
    """An ASGI `send` that counts the body's bytes once they are taken. state: of a whole response, once decided."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.sent = 0
        self.state: WireState | None = WireState.INTERNAL_ERROR

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        self.sent += len(message.get("body", b""))


def untold(image_id: str, state: WireState | None) -> AbstractContextManager[None]:
    """Tell nobody."""
    return nullcontext()


class Served:
    """Tells an application's `on_served`, whose errors are logged and harm no answer.

    Raises ConfigError for what can't be called, or is async: nobody would await it.
    """

    def __init__(self, on_served: OnServed) -> None:
        if not callable(on_served) or inspect.iscoroutinefunction(on_served):
            raise ConfigError("on_served must be a plain function of scope, image id, state, bytes and milliseconds")
        self._on_served = on_served

    @contextmanager
    def one(self, scope: Scope, image_id: str, meter: Meter) -> Iterator[None]:
        """Tell of an image that a whole response is for, when the block ends, however it ends."""
        begun_s = time.perf_counter()
        try:
            yield
        finally:
            self._tell(scope, image_id, meter.state, meter.sent, begun_s)

    def in_batch(self, scope: Scope, meter: Meter) -> Told:
        """Return what tells of each image of a batch, which begins now, once the block ends that sends its frame."""
        begun_s = time.perf_counter()

        @contextmanager
        def told(image_id: str, state: WireState | None) -> Iterator[None]:
            before = meter.sent
            try:
                yield
            finally:
                self._tell(scope, image_id, state, meter.sent - before, begun_s)

        return told

    def _tell(self, scope: Scope, image_id: str, state: WireState | None, sent: int, begun_s: float) -> None:
        try:
            self._on_served(scope, image_id, state, sent, (time.perf_counter() - begun_s) * 1000)
        except Exception as error:
            _log.error(
                "on_served failed for image %.200r: %s",
                image_id,
                type(error).__name__,
                extra=event("on_served_failed", image_id=image_id),
            )
