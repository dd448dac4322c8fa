"""Reports each image of a request, served or refused, to the application's observers, for audit and metrics."""

import inspect
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import Message, Scope, Send

from ..core.events import event
from ..errors import ConfigError, WireState
from ..serving.cache import ReadTimes
from ..serving.decide import Answer, Inquiry
from ..serving.payload import Payload

_log = logging.getLogger("pixstore_asgi")

OnServed = Callable[[Scope, str, WireState | None, int, float], object]
"""An application's function, called with five values:

1. the request's scope
2. the requested image id
3. the wire state of the answer, or None if the application's rule refused the image (HTTP 403)
4. the number of body bytes that the server accepted
5. the milliseconds from the request to the end of the answer
"""

_FORBIDDEN = "Forbidden"
LABELS = (*(state.label for state in WireState), _FORBIDDEN)
"""The labels of all answers: the wire state, or Forbidden if the application's rule refused."""


@dataclass(slots=True)
class ServedImage:
    """One image of a request, and its answer.

    Attributes:
        scope: The ASGI scope of the request.
        image_id: The requested id.
        state: The wire state of the answer, or None if the application's rule refused the image.
        begun_ns: When the request arrived, by `time.perf_counter_ns`. The next three have the same clock.
        passed_ns: When the proof and the application's rule were checked.
        found_ns: When the answer was known.
        ended_ns: When the answer was sent completely, or ended early.
        sent: The number of body bytes that the server accepted.
    """

    scope: Scope
    image_id: str
    state: WireState | None
    begun_ns: int
    passed_ns: int
    found_ns: int
    ended_ns: int = 0
    sent: int = 0

    @property
    def label(self) -> str:
        """The label of the answer, one of LABELS."""
        return _FORBIDDEN if self.state is None else self.state.label


class Observer:
    """Base class of observers that need more than a plain function as `on_served`.

    Its methods must be plain functions and fast, because they block the event loop.
    """

    def begins(self, image: ServedImage) -> None:
        """The app calls this before it sends the answer."""

    def ended(self, image: ServedImage) -> None:
        """The app calls this when it has sent the answer, or when the sending ended early."""

    def read(self, seconds: float) -> None:
        """The app calls this for each image that it has read from the store. seconds: the duration of the read."""


def observers_of(
    on_served: OnServed | Observer | Sequence[OnServed | Observer], read_times: ReadTimes
) -> list[Observer]:
    """Return the observers of one application. An observer's error is logged and does not change the answer.

    Raises ConfigError if an observer is not callable, or is async: nothing would await it.
    """
    observers = [_observer(each) for each in (on_served if isinstance(on_served, Sequence) else [on_served])]
    for observer in observers:
        if type(observer).read is not Observer.read:
            read_times.watch(observer.read)
    return observers


class ServedRequest:
    """One request whose images are reported to observers. It is an ASGI `send` that counts the body bytes passed to
    the server.
    """

    def __init__(self, observers: Sequence[Observer], scope: Scope, send: Send) -> None:
        self._begun_ns = time.perf_counter_ns()
        self._sent = 0
        self._observers = observers
        self._scope = scope
        self._send = send

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        self._sent += len(message.get("body", b""))

    @contextmanager
    def image(self, inquiry: Inquiry) -> Iterator[Callable[[Answer], None]]:
        """Report one image of the request to the observers: its answer, and then the end of the block.

        Yields a function, which reports the answer: call it before the answer is sent. If an error ends the block
        earlier, the reported state is InternalError.
        """
        inquiry.is_timed = True
        before, images = self._sent, list[ServedImage]()

        def begin(answer: Answer) -> None:
            state = answer.state if isinstance(answer, Payload) else None
            found_ns, passed_ns = time.perf_counter_ns(), inquiry.passed_ns or self._begun_ns
            image_id = inquiry.request.image_id
            images.append(ServedImage(self._scope, image_id, state, self._begun_ns, passed_ns, found_ns))
            for observer in self._observers:
                _notify(observer.begins, images[0])

        try:
            yield begin
        except Exception:
            if not images:
                begin(Payload(WireState.INTERNAL_ERROR))
            raise
        finally:
            for image in images:
                image.ended_ns, image.sent = time.perf_counter_ns(), self._sent - before
                for observer in self._observers:
                    _notify(observer.ended, image)


def _notify(observe: Callable[[ServedImage], object], image: ServedImage) -> None:
    try:
        observe(image)
    except Exception as error:
        _log.error(
            "on_served failed for image %.200r: %s",
            image.image_id,
            type(error).__name__,
            extra=event("on_served_failed", image_id=image.image_id),
        )


class _Plain(Observer):
    """An Observer that calls an application's plain function."""

    def __init__(self, on_served: OnServed) -> None:
        self._on_served = on_served

    def ended(self, image: ServedImage) -> None:
        ms = (image.ended_ns - image.begun_ns) / 1e6
        self._on_served(image.scope, image.image_id, image.state, image.sent, ms)


def _observer(given: OnServed | Observer) -> Observer:
    if isinstance(given, Observer):
        return given
    if not callable(given) or isinstance(given, type) or _is_async(given):
        raise ConfigError(
            "on_served must be a plain function of scope, image id, state, bytes and milliseconds, "
            "an observer of pixstore_asgi.integrations, or a list of these"
        )
    return _Plain(given)


def _is_async(function: OnServed) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
