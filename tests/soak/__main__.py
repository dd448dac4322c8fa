"""`python -m tests.soak --minutes 60 --report FILE`: mixed load on several stores at the same time."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.soak.mixed_load import Outcome, run_mixed_load
from tests.soak.report import report_of
from tests.support.postgres import running_cluster
from tests.support.s3 import running_s3


def loads(folder: Path, seconds: float, stack: ExitStack) -> dict[str, Callable[[], Outcome]]:
    """Return a function per store that puts it under load; the servers that it needs run until the stack ends."""
    cluster, s3 = stack.enter_context(running_cluster()), stack.enter_context(running_s3())
    os.environ.update(s3.environment)
    folders = {name: folder / name for name in ("sqlite", "files", "postgres-s3")}
    for made in folders.values():
        made.mkdir()
    sqlite, files, postgres = folders.values()
    return {
        "SQLite": lambda: run_mixed_load(str(sqlite / "site.db"), "", sqlite, seconds),
        "SQLite + files": lambda: run_mixed_load(str(files / "site.db"), str(files / "bodies"), files, seconds),
        "PostgreSQL + S3": lambda: run_mixed_load(cluster.url() + "?schema=soak", s3.url("soak"), postgres, seconds),
    }


def main() -> int:
    """Run the load and write the report; return 0 where nothing was lost, torn, stale, left or failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--tests", default="", help="the result of the soak tests, for the report")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pixstore-soak-")))
        running = loads(folder, options.minutes * 60, stack)
        with ThreadPoolExecutor(len(running)) as threads:
            started = {name: threads.submit(load) for name, load in running.items()}
        outcomes = {name: load.result() for name, load in started.items()}
    options.report.write_text(report_of(outcomes, options.tests))
    print(options.report.read_text())
    return int(any(any(outcome.faults.values()) for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
