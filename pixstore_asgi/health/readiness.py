"""Readiness: the reason if a process can't serve requests. It asks the store at most once a second."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from ..core.events import event
from ..errors import SecretError
from ..process import PerLoop, running_loop
from .drain import Drain

_log = logging.getLogger("pixstore_asgi")

Obstacle = Literal["draining", "secret", "store"]
"""Why a process should get no requests. Only the log has the details."""

_ASK_EVERY_S = 1
_ANSWER_WITHIN_S = 2


class _Question(NamedTuple):
    """A running or finished check in one event loop. asked_s: when it began, by the loop's clock."""

    task: "asyncio.Task[Obstacle | None]"
    asked_s: float


class Readiness:
    """Reports whether one Pixstore can serve requests.

    check: asks the store, and opens it on first use. It raises SecretError if a secret is missing, and any error of the
    store.
    """

    def __init__(self, check: Callable[[], Awaitable[None]], drain: Drain) -> None:
        self._check = check
        self._drain = drain
        self._asked: PerLoop[_Question] = PerLoop(lambda question: None)
        self._logged: Obstacle | None = None
        self._is_why_open = False  # a silent store was logged, and the reason is not known yet

    async def obstacle(self) -> Obstacle | None:
        """Return the reason why requests can't be served, or None. Takes 2 s at most."""
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
        """Return the check that all callers share: a running one, or one that began within the last second.

        It is a task, so it continues if its callers give up: a large database may take long to open.
        """
        loop = running_loop()
        question = self._asked.get()
        if question is None or (question.task.done() and loop.time() - question.asked_s >= _ASK_EVERY_S):
            question = _Question(loop.create_task(self._ask()), loop.time())
            self._asked.put(question)
        return question.task

    async def _ask(self) -> Obstacle | None:
        try:
            await self._check()
        except SecretError as error:
            return self._logged_once("secret", error)
        except Exception as error:  # a store outside this package may raise anything
            return self._logged_once("store", error)
        return self._logged_once(None, "")

    def _logged_once(self, obstacle: Obstacle | None, why: object) -> Obstacle | None:
        """Return the obstacle. Log it if it differs from the previous one."""
        if obstacle is not None and (obstacle != self._logged or self._is_why_open):
            _log.error("not ready: %s", why, extra=event("not_ready", obstacle=obstacle))
        elif obstacle is None and self._logged is not None:
            _log.warning("ready again", extra=event("ready_again"))
        self._logged, self._is_why_open = obstacle, False
        return obstacle
