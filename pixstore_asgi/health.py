"""Health: tells load balancers whether to send requests, and delays SIGTERM until they have noticed."""

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, Literal

from .core.events import event
from .core.options import check_numbers
from .errors import ConfigError, SecretError
from .process import PerLoop, running_loop

_log = logging.getLogger("pixstore_asgi")

Obstacle = Literal["draining", "secret", "store"]
"""Why a process should get no requests. Only the log has the details."""

_ASK_EVERY_S = 1
_ANSWER_WITHIN_S = 2


class Drain:
    """Delays a SIGTERM for `seconds` before the server gets it. A second SIGTERM ends the delay.

    After SIGTERM a server accepts no connections, so it would refuse requests that a load balancer still sends. With 0
    seconds the server gets the signal directly. Raises ConfigError for an invalid time.
    """

    def __init__(self, seconds: float) -> None:
        check_numbers(drain_s=seconds)
        if not 0 <= seconds < float("inf"):
            raise ConfigError(f"drain_s must be a number of seconds, 0 for none, not {seconds!r}")
        self._seconds = seconds
        self._theirs: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_draining = False

    def begin(self) -> None:
        """Handle SIGTERM from now on, in the running event loop. Repeated calls do nothing."""
        if self._loop is not None and self._loop.is_closed():  # it was closed without a call of `end`
            self._give_back()
        if not self._seconds or self._loop is not None:
            return
        if threading.current_thread() is not threading.main_thread():
            _log.warning(
                "drain_s has no effect: this event loop is not in the main thread, which alone gets signals",
                extra=event("drain_has_no_effect"),
            )
            return
        self._loop = asyncio.get_running_loop()
        self._theirs = signal.signal(signal.SIGTERM, self._on_signal)

    def end(self) -> None:
        """Restore the previous handler, if `begin` has replaced it in the running event loop."""
        if self._loop is running_loop():
            self._give_back()

    def _give_back(self) -> None:
        # Leave a handler that was set meanwhile. `begin` ran in the main thread, so this thread may set handlers.
        if self._loop is not None and signal.getsignal(signal.SIGTERM) == self._on_signal:
            signal.signal(signal.SIGTERM, self._theirs)
        if self._timer is not None:
            self._timer.cancel()
        self._loop = self._theirs = self._timer = None
        self.is_draining = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        loop = self._loop
        if self.is_draining or loop is None or loop.is_closed():
            self._hand_on()
            return
        self.is_draining = True
        # This also wakes the loop if it waits for events.
        loop.call_soon_threadsafe(self._wait)

    def _wait(self) -> None:
        if self.is_draining and self._loop is not None:  # `end` was not called meanwhile
            _log.warning(
                "SIGTERM: /-/ready is 503 from now on, and the server stops in %s s",
                self._seconds,
                extra=event("draining", seconds=self._seconds),
            )
            self._timer = self._loop.call_later(self._seconds, self._hand_on)

    def _hand_on(self) -> None:
        if signal.getsignal(signal.SIGTERM) == self._on_signal:  # neither `end` nor a second SIGTERM came first
            signal.signal(signal.SIGTERM, self._theirs)
            signal.raise_signal(signal.SIGTERM)


class Readiness:
    """Reports whether one Pixstore can serve requests.

    check: asks the store, and opens it on first use. Raises the store's errors, and SecretError if a secret is missing.
    """

    def __init__(self, check: Callable[[], Awaitable[None]], drain: Drain) -> None:
        self._check = check
        self._drain = drain
        # The last check, running or finished, and its start by the loop's clock.
        self._asked: PerLoop[tuple[asyncio.Task[Obstacle | None], float]] = PerLoop(lambda asked: None)
        self._logged: Obstacle | None = None
        self._is_why_open = False  # True after a timeout was logged, until the reason is logged

    async def obstacle(self) -> Obstacle | None:
        """Return the reason why requests can't be served, or None. Waits for the store for at most 2 s."""
        if self._drain.is_draining:
            return "draining"
        asked = self._question()
        await asyncio.wait({asked}, timeout=_ANSWER_WITHIN_S)
        if asked.done():
            return asked.result()
        if self._logged != "store":
            _log.error(
                "not ready: the store gave no answer within %s s",
                _ANSWER_WITHIN_S,
                extra=event("not_ready", obstacle="store"),
            )
            self._logged, self._is_why_open = "store", True
        return "store"

    def _question(self) -> "asyncio.Task[Obstacle | None]":
        """Return the check that all callers share: a running one, one that began within the last second, or a new one.

        The check is a task, so that it continues if its callers give up: opening a large database may take long.
        """
        loop = running_loop()
        asked = self._asked.get()
        if asked is None or (asked[0].done() and loop.time() - asked[1] >= _ASK_EVERY_S):
            asked = loop.create_task(self._ask()), loop.time()
            self._asked.put(asked)
        return asked[0]

    async def _ask(self) -> Obstacle | None:
        try:
            await self._check()
        except SecretError as error:
            return self._logged_once("secret", error)
        except Exception as error:  # a store outside this package may raise anything
            return self._logged_once("store", error)
        return self._logged_once(None, "")

    def _logged_once(self, obstacle: Obstacle | None, why: object) -> Obstacle | None:
        """Return the obstacle. Log it if it is new, or if only a timeout was logged. Log also that it has ended."""
        if obstacle is not None and (obstacle != self._logged or self._is_why_open):
            _log.error("not ready: %s", why, extra=event("not_ready", obstacle=obstacle))
        elif obstacle is None and self._logged is not None:
            _log.warning("ready again", extra=event("ready_again"))
        self._logged, self._is_why_open = obstacle, False
        return obstacle
