"""Served: an application is told of each image that a request got, or was refused, once its answer has ended."""

import inspect
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from starlette.types import Message, Scope, Send

from ..core.events import event
from ..errors import ConfigError, WireState
from ..serving.answer import Refusal, Rule
from ..serving.payload import Payload
from ..serving.read_times import ReadTimes

_log = logging.getLogger("pixstore_asgi")

OnServed = Callable[[Scope, str, WireState | None, int, float], object]
"""Called with a request's scope, the image's id as it was asked for, the wire state of the answer (None: 403, the
application's own rule), how many bytes of the answer the server took to send, and how many milliseconds after the
request began it had."""

_FORBIDDEN = "Forbidden"
LABELS = (*(state.label for state in WireState), _FORBIDDEN)
"""What answers are told apart by: their wire state, or that the application's own rule refused."""


@dataclass(slots=True)
class ServedImage:
    """One image of a request, and its answer.

    state: None where the application's own rule refused. begun_ns, passed_ns, found_ns, ended_ns: when the request
    came, when its proof was checked and the rule asked, when it was known what to answer, and when that was sent, by
    time.perf_counter_ns. sent: bytes.
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
        """One of LABELS."""
        return _FORBIDDEN if self.state is None else self.state.label


class Observer:
    """What is told of more than a plain `on_served`, by plain and quick methods: they hold up the event loop."""

    def begins(self, image: ServedImage) -> None:
        """Take note of an answer that is known, and about to be sent."""

    def ended(self, image: ServedImage) -> None:
        """Take note of an answer that has ended, whole or cut off."""

    def read(self, seconds: float) -> None:
        """Take note that an image was not in memory, and how long the store took to find it."""


Told = OnServed | Observer


class Way:
    """The way of one image of a request to its answer. This one tells nobody."""

    def passed(self, rule: Rule | None) -> Rule | None:
        """Note that the proof was checked; return the application's rule such that it notes when that was asked."""
        return rule

    def deciding(self) -> AbstractContextManager[None]:
        """Tell of an error in the block, where it is found out what to answer, as of an InternalError."""
        return nullcontext()

    def sending(self, payload: Payload | None) -> AbstractContextManager[None]:
        """Tell that an answer is sent in the block, when it begins and when it ends, however it ends."""
        return nullcontext()


UNTOLD = Way()


class Meter:
    """An ASGI `send` of a request that comes just now; it counts the body's bytes once they are taken."""

    def __init__(self, observers: Sequence[Observer], scope: Scope, send: Send) -> None:
        self.begun_ns = time.perf_counter_ns()
        self.sent = 0
        self.scope = scope
        self._observers = observers
        self._send = send

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        self.sent += len(message.get("body", b""))

    def way(self, image_id: str) -> Way:
        """Return the way of one of the request's images, which is timed and told."""
        return _TimedWay(self, image_id)

    def tell(self, image: ServedImage, tell: Callable[[Observer], None]) -> None:
        """Tell all observers of an image; their errors harm no answer."""
        for observer in self._observers:
            try:
                tell(observer)
            except Exception as error:
                _log.error(
                    "on_served failed for image %.200r: %s",
                    image.image_id,
                    type(error).__name__,
                    extra=event("on_served_failed", image_id=image.image_id),
                )


class Served:
    """Tells an application's `on_served`, one or several, whose errors are logged and harm no answer.

    Raises ConfigError for what can't be called, or is async: nobody would await it.
    """

    def __init__(self, on_served: Told | Sequence[Told], read_times: ReadTimes) -> None:
        given = on_served if isinstance(on_served, Sequence) else [on_served]
        self._observers = [_observer(told) for told in given]
        for observer in self._observers:
            if type(observer).read is not Observer.read:
                read_times.watch(observer.read)

    def meter(self, scope: Scope, send: Send) -> Meter:
        """Return what tells of a request's images, and sends its answer."""
        return Meter(self._observers, scope, send)


class _TimedWay(Way):
    def __init__(self, meter: Meter, image_id: str) -> None:
        self._meter = meter
        self._image_id = image_id
        self._passed_ns = meter.begun_ns

    def passed(self, rule: Rule | None) -> Rule | None:
        self._passed_ns = time.perf_counter_ns()
        if rule is None:
            return None

        async def ask(image_id: str) -> Refusal:
            refusal = await rule(image_id)
            self._passed_ns = time.perf_counter_ns()
            return refusal

        return ask

    @contextmanager
    def deciding(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            with self.sending(Payload(WireState.INTERNAL_ERROR)):
                raise

    @contextmanager
    def sending(self, payload: Payload | None) -> Iterator[None]:
        meter, state = self._meter, payload.state if payload else None
        found_ns, before = time.perf_counter_ns(), meter.sent
        image = ServedImage(meter.scope, self._image_id, state, meter.begun_ns, self._passed_ns, found_ns)
        meter.tell(image, lambda observer: observer.begins(image))
        try:
            yield
        finally:
            image.ended_ns = time.perf_counter_ns()
            image.sent = meter.sent - before
            meter.tell(image, lambda observer: observer.ended(image))


class _Plain(Observer):
    """An application's plain function as an observer."""

    def __init__(self, on_served: OnServed) -> None:
        self._on_served = on_served

    def ended(self, image: ServedImage) -> None:
        ms = (image.ended_ns - image.begun_ns) / 1e6
        self._on_served(image.scope, image.image_id, image.state, image.sent, ms)


def _observer(told: Told) -> Observer:
    if isinstance(told, Observer):
        return told
    if not callable(told) or isinstance(told, type) or _is_async(told):
        raise ConfigError(
            "on_served must be a plain function of scope, image id, state, bytes and milliseconds, or what "
            "pixstore_asgi.integrations has for it, or a list of those"
        )
    return _Plain(told)


def _is_async(function: OnServed) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
