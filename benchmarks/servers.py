"""The part `servers`: one GET over HTTP, by every contestant, at every size and number of connections, side by side."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from .environment import cores, missing_programs
from .load import Answer, Load, Request, WrongAnswerError, ask_once, check_load, measure_load
from .own_images import saved_images
from .plan import Findings, Plan, size_label
from .progress import Progress
from .rivals import ASGI_APPS, Contestant, asgi, nginx, npm

_WARM_REQUESTS = 20
_LONGER = 4  # times, where not every connection got an answer; a proof outlives that


def measure(plan: Plan) -> Findings:
    """Run every contestant and return one row for each load on each of them."""
    missing = missing_programs("wrk")
    if missing:
        return Findings(missing=missing)
    found = Findings()
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, ExitStack() as stack:
        contestants = [stack.enter_context(start) for start in _starts(plan, Path(name), stack, found)]
        loads = [(size, connections) for size in plan.image_sizes for connections in plan.connections]
        progress = Progress("servers", plan.rounds * len(loads) * len(contestants))
        for number in range(plan.rounds):
            for size, connections in loads:
                # Every other round goes backwards, so that a drift of the machine favours nobody.
                for contestant in contestants[:: -1 if number % 2 else 1]:
                    load = run_load(contestant, plan, size, connections, load_core())
                    found.rows.append(_row(contestant, number, size, connections, load))
                    progress.step(
                        f"{contestant.name}, {size_label(size)}, {connections} connections: "
                        f"{load.requests_per_s:,.0f} requests/s" + (f", {load.wrong} wrong" if load.wrong else "")
                    )
    return found


def run_load(contestant: Contestant, plan: Plan, size: int, connections: int, core: int | None) -> Load:
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
        load = measure_load(fresh, answer, connections=connections, seconds=seconds, core=core)
        _checked_answer(contestant, size, fresh)  # the proof was good to the end
        if load.requests >= connections:
            break
    return load


def server_core() -> int | None:
    """Return the core that servers are kept on."""
    return chosen[0] if (chosen := cores()) else None


def load_core() -> int | None:
    """Return the core that load comes from."""
    return chosen[1] if (chosen := cores()) else None


def _starts(
    plan: Plan, folder: Path, stack: ExitStack, found: Findings
) -> Iterator[AbstractContextManager[Contestant]]:
    images, files = stack.enter_context(saved_images(folder, plan.image_sizes))
    core = server_core()
    for server in plan.asgi_servers:
        for app in ASGI_APPS[server]:
            yield asgi(server, app, images, files, core)
    without_npm = missing_programs("node", "npm pixstore")
    if not without_npm:
        yield npm(folder / "npm", core, plan.image_sizes)
    without_nginx = missing_programs("nginx")
    if not without_nginx:
        yield nginx(folder / "nginx", files, core)
    found.missing += without_npm + without_nginx


def _checked_answer(contestant: Contestant, size: int, request: Request) -> Answer:
    answer = ask_once(request)
    try:
        contestant.check(size, answer.body)
    except ValueError as error:
        raise WrongAnswerError(f"{contestant.name} at {size_label(size)}: {error}") from error
    if answer.status != 200:
        raise WrongAnswerError(f"{contestant.name} answered with status {answer.status}")
    return answer


def _row(contestant: Contestant, number: int, size: int, connections: int, load: Load) -> dict[str, float | int | str]:
    return {
        "contestant": contestant.name,
        "round": number,
        "size": size,
        "connections": connections,
        "requests_per_s": round(load.requests_per_s, 2),
        "requests": load.requests,
        "wrong": load.wrong,
        "errors": load.errors,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
    }
