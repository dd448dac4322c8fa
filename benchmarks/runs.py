"""One load on one contestant: its answers checked first, warmed up, then measured, with what the server computed."""

from dataclasses import dataclass

from .cpu import cpu_seconds
from .environment import cores
from .load import Answer, Load, Request, WrongAnswerError, ask_once, check_load, measure_load
from .plan import Plan, size_label
from .rivals import Contestant

_WARM_REQUESTS = 20
_LONGER = 4  # times, where not every connection got an answer; a proof outlives that


@dataclass(frozen=True, slots=True)
class Run:
    """A measured load, and the processor time that the server took for one answer of it, in µs."""

    load: Load
    cpu_us: float


def run_load(contestant: Contestant, plan: Plan, size: int, connections: int, core: int | None) -> Run:
    """Check one whole answer, warm up looking at every answer, then measure, from this core or from any.

    It measures again, for longer, where large images leave most connections without one whole answer.
    Raises WrongAnswerError where a contestant serves no images.
    """
    request = contestant.ask(size)
    answer = _checked_answer(contestant, size, request)
    if plan.warm_s:
        check_load(request, answer, connections=connections, seconds=plan.warm_s, core=core)
    else:
        for _ in range(_WARM_REQUESTS):
            _checked_answer(contestant, size, request)
    for seconds in (plan.load_s, plan.load_s * _LONGER):
        fresh = contestant.ask(size)
        used_before = cpu_seconds(contestant.pid)
        load = measure_load(fresh, answer, connections=connections, seconds=seconds, core=core)
        used = cpu_seconds(contestant.pid) - used_before
        _checked_answer(contestant, size, fresh)  # the proof was good to the end
        if load.requests >= connections:
            break
    return Run(load, used / load.answers * 1e6 if load.answers else 0.0)


def server_core() -> int | None:
    """Return the core that servers are kept on."""
    return chosen[0] if (chosen := cores()) else None


def load_core() -> int | None:
    """Return the core that load comes from."""
    return chosen[1] if (chosen := cores()) else None


def _checked_answer(contestant: Contestant, size: int, request: Request) -> Answer:
    answer = ask_once(request)
    try:
        contestant.check(size, answer.body)
    except ValueError as error:
        raise WrongAnswerError(f"{contestant.name} at {size_label(size)}: {error}") from error
    if answer.status != 200:
        raise WrongAnswerError(f"{contestant.name} answered with status {answer.status}")
    return answer
