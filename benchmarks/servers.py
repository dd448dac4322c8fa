"""The part `servers`: images over HTTP, by every contestant, at every size and number of connections, side by side."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from . import gallery, page, writes
from .environment import missing_programs
from .own_images import saved_images
from .plan import Findings, Plan
from .progress import Progress
from .rivals import ASGI_APPS, Contestant, asgi, nginx, npm
from .runs import HOT, PAGE, WRITES, Case, row_label, run_in_turn, server_core


def case_names(plan: Plan) -> list[str]:
    """Return the names that `--case` accepts: those of the loads, with the size of a gallery's images."""
    return [HOT, *map(gallery.case_name, plan.gallery_sizes), PAGE, WRITES]


def measure(plan: Plan) -> Findings:
    """Run every contestant and return one row for each load on each of them."""
    missing = missing_programs("wrk")
    if missing:
        return Findings(missing=missing)
    found = Findings()
    if plan.has_case(HOT):
        _measure_hot(plan, found)
    gallery.measure(plan, found)
    if plan.has_case(PAGE):
        page.measure(plan, found)
    if plan.has_case(WRITES):
        writes.measure(plan, found)
    return found


def _measure_hot(plan: Plan, found: Findings) -> None:
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, ExitStack() as stack:
        contestants = [stack.enter_context(start) for start in _starts(plan, Path(name), stack, found)]
        cases = [Case(HOT, size, connections) for size in plan.image_sizes for connections in plan.connections]
        progress = Progress("servers", plan.rounds * len(cases) * len(contestants))
        for number in range(plan.rounds):
            for case in cases:
                for row in run_in_turn(contestants, plan, case, number):
                    found.rows.append(row)
                    progress.step(row_label(row))


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
