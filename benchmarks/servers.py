"""The part `servers`: one GET over HTTP, by every contestant, at every size and number of connections, side by side."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from .environment import missing_programs
from .own_images import saved_images
from .plan import Findings, Plan, size_label
from .progress import Progress
from .rivals import ASGI_APPS, Contestant, asgi, nginx, npm
from .runs import Run, load_core, run_load, server_core


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
                    run = run_load(contestant, plan, size, connections, load_core())
                    load = run.load
                    found.rows.append(_row(contestant, number, size, connections, run))
                    progress.step(
                        f"{contestant.name}, {size_label(size)}, {connections} connections: "
                        f"{load.requests_per_s:,.0f} requests/s" + (f", {load.wrong} wrong" if load.wrong else "")
                    )
    return found


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


def _row(contestant: Contestant, number: int, size: int, connections: int, run: Run) -> dict[str, float | int | str]:
    load = run.load
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
        "cpu_us": round(run.cpu_us, 2),
    }
