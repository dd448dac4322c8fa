"""Loads on contestants: their answers checked first, warmed up, then measured, with the server's CPU."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .cpu import cpu_seconds
from .environment import cores
from .load import Answer, Load, Request, WrongAnswerError, ask_once, check_load, measure_load
from .plan import Plan, size_label
from .rivals import Contestant

HOT, GALLERY, PAGE, WRITES = "hot", "gallery", "page", "writes"
"""The loads: one image again and again, many in turn, a page of thumbnails, one image beside writes of others."""

_WARM_REQUESTS = 20
_LONGER = 4  # times, where not every connection got an answer; a proof outlives that

Row = dict[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a load with images of a size in bytes, over so many connections."""

    load: str
    size: int
    connections: int


@dataclass(frozen=True, slots=True)
class Run:
    """A measured load, and the processor time that the server took for one answer of it, in µs.

    database_us: that of the database server, where the contestant has one.
    """

    load: Load
    cpu_us: float
    database_us: float | None = None


def run_in_turn(contestants: Sequence[Contestant], plan: Plan, case: Case, number: int) -> Iterator[Row]:
    """Run a case on one contestant after the other and yield the row of each run; `number` is the round's.

    Every other round goes backwards, so that a drift of the machine favours no contestant.
    """
    for contestant in contestants[:: -1 if number % 2 else 1]:
        run = run_load(contestant, plan, case, load_core(), is_warm=number > 0)
        beside = {} if run.database_us is None else {"database_us": round(run.database_us, 2)}
        yield {
            "contestant": contestant.name,
            "load": case.load,
            "round": number,
            "size": case.size,
            "connections": case.connections,
            "requests_per_s": round(run.load.requests_per_s, 2),
            "requests": run.load.requests,
            "wrong": run.load.wrong,
            "errors": run.load.errors,
            "p50_ms": run.load.p50_ms,
            "p99_ms": run.load.p99_ms,
            "cpu_us": round(run.cpu_us, 2),
            **beside,
        }


def row_label(row: Row) -> str:
    """Return a run's result as one line."""
    wrong = f", {row['wrong']} wrong" if row["wrong"] else ""
    size = size_label(int(row["size"]))
    return f"{row['contestant']}, {size}, {row['connections']} connections: {row['requests_per_s']:,} requests/s{wrong}"


def run_load(contestant: Contestant, plan: Plan, case: Case, core: int | None, *, is_warm: bool = False) -> Run:
    """Check one whole answer, warm up looking at every answer, then measure, from this core or from any.

    is_warm: the contestant has run this case before, so it needs no warm-up.
    It measures again, for longer, where large images leave most connections without one whole answer.
    Raises WrongAnswerError where a contestant serves no images.
    """
    size, connections = case.size, case.connections
    requests = contestant.ask(size)
    answer = _checked_answer(contestant, size, requests[0])
    if is_warm:
        pass
    elif plan.warm_s:
        check_load(requests, answer, connections=connections, seconds=plan.warm_s, core=core)
    else:
        for _ in range(_WARM_REQUESTS):
            _checked_answer(contestant, size, requests[0])
    for seconds in (plan.load_s, plan.load_s * _LONGER):
        fresh = contestant.ask(size)
        answer = _checked_answer(contestant, size, fresh[0])  # in as many chunks as it has once all is in memory
        pids = [contestant.pid] if contestant.database_pid is None else [contestant.pid, contestant.database_pid]
        used_before = [cpu_seconds(pid) for pid in pids]
        load = measure_load(fresh, answer, connections=connections, seconds=seconds, core=core)
        used = [cpu_seconds(pid) - before for pid, before in zip(pids, used_before, strict=True)]
        _checked_answer(contestant, size, fresh[0])  # the proof was good to the end
        if load.requests >= connections:
            break
    return Run(load, *(seconds / load.answers * 1e6 if load.answers else 0.0 for seconds in used))


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
