"""Drain: a delay between SIGTERM and the server's end, in which load balancers switch to another server."""

import asyncio
import logging
import signal
import threading
from types import FrameType
from typing import Any

from ..core.events import event
from ..core.options import check_numbers
from ..errors import ConfigError
from ..process import running_loop

_log = logging.getLogger("pixstore_asgi")


class Drain:
    """Handles SIGTERM before the server does, and passes it on after `seconds`, or at once if it comes again.

    After the signal a server accepts no connections, so it would refuse requests that a load balancer still sends. With
    0 seconds the server gets the signal directly. Raises ConfigError for an invalid time.
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
        if self._loop is not None and self._loop.is_closed():  # without `end`
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
        """Restore the previous handler, if `begin` replaced it in the running event loop."""
        if self._loop is running_loop():
            self._give_back()

    def _give_back(self) -> None:
        # Unless another handler was set meanwhile. Only the main thread sets handlers, as `begin` has checked.
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
        # The loop may be asleep: this wakes it.
        loop.call_soon_threadsafe(self._wait)

    def _wait(self) -> None:
        if self.is_draining and self._loop is not None:  # not after `end`
            _log.warning(
                "SIGTERM: /-/ready is 503 from now on, and the server stops in %s s",
                self._seconds,
                extra=event("draining", seconds=self._seconds),
            )
            self._timer = self._loop.call_later(self._seconds, self._hand_on)

    def _hand_on(self) -> None:
        if signal.getsignal(signal.SIGTERM) == self._on_signal:  # not after a second SIGTERM or `end`
            signal.signal(signal.SIGTERM, self._theirs)
            signal.raise_signal(signal.SIGTERM)
