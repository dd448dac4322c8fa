"""The part `in-process`: pieces of the library without a socket, each beside its bound or rival."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyperf

from .environment import ROOT, missing_programs
from .npm_peer import npm_peer
from .pictures import png
from .plan import Findings, Plan
from .progress import Progress
from .timed_cases import RECORDS

Rival = Callable[[], float]
"""Measures once and returns seconds."""


def measure(plan: Plan) -> Findings:
    """Time every case in every round; a rival is measured right after the cases it is compared with."""
    found = Findings()
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        rivals = stack.enter_context(_npm_records(plan, folder, found))
        groups = ["proof", "wire", "keywrap", "records", *(f"seal-{size}" for size in plan.sealed_sizes)]
        groups += [f"{kind}-{size}" for size in plan.image_sizes for kind in ("store", "request")]
        progress = Progress("in-process", plan.few_rounds * len(groups))
        for number in range(plan.few_rounds):
            for group in groups:
                times = _time_group(plan, folder / f"{number}-{group}.json", group)
                if group in rivals:
                    rival, measure_rival = rivals[group]
                    times[rival] = measure_rival()
                found.rows += [{"case": case, "round": number, "seconds": value} for case, value in times.items()]
                progress.step(", ".join(f"{case}: {value * 1e6:.4g} µs" for case, value in times.items()))
    return found


def _time_group(plan: Plan, output: Path, group: str) -> dict[str, float]:
    """Let pyperf time one group of cases and return the medians in seconds."""
    command = [sys.executable, "-m", "benchmarks.timed_cases", "--group", group, "-o", str(output), "--quiet"]
    inherited = "--inherit-environ=TMPDIR,PYTHONPATH,PATH"
    done = subprocess.run(
        [*command, inherited, *plan.timer_options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the cases of {group} failed:\n{done.stderr[-3000:]}")
    return {case.get_name(): float(case.median()) for case in pyperf.BenchmarkSuite.load(str(output))}


@contextlib.contextmanager
def _npm_records(plan: Plan, folder: Path, found: Findings) -> Iterator[dict[str, tuple[str, Rival]]]:
    missing = missing_programs("node", "npm pixstore")
    found.missing += missing
    if missing:
        yield {}
        return
    picture = folder / "1000.png"
    picture.write_bytes(png(1000))
    with npm_peer(folder, None) as peer:

        def seconds() -> float:
            result = peer.call("records", path=str(picture), images=RECORDS, seconds=plan.rival_s / 2)
            return float(result["seconds"]) / int(result["count"])

        yield {"records": ("npm getImageRecord", seconds)}
