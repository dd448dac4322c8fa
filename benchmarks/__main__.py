"""The command: `python -m benchmarks [--quick] [--only PART | --resume] [--case CASE] [--out DIR]`."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from . import backup, growth, in_process, memory, saves, sealed_records, servers
from .browser import part as browser
from .environment import describe, timed
from .photos import part as pictures
from .plan import FULL, PARTS, QUICK, Findings, Plan
from .report import read, write
from .scroll import part as scroll
from .slow_line import part as slow_line
from .stores import part as stores
from .tables import targets_table
from .targets import targets

_RESULTS = Path(__file__).parent / "results"

_MEASURE: dict[str, Callable[[Plan], Findings]] = {
    "in-process": in_process.measure,
    "servers": servers.measure,
    "saves": saves.measure,
    "growth": growth.measure,
    "backup": backup.measure,
    "memory": memory.measure,
    "stores": stores.measure,
    "pictures": pictures.measure,
    "browser": browser.measure,
    "scroll": scroll.measure,
    "slow-line": slow_line.measure,
    "sealed-records": sealed_records.measure,
}

_CASE_NAMES: dict[str, Callable[[Plan], list[str]]] = {
    "servers": servers.case_names,
    "saves": saves.case_names,
    "stores": stores.case_names,
    "browser": browser.case_names,
    "scroll": scroll.case_names,
    "slow-line": slow_line.case_names,
    "sealed-records": sealed_records.case_names,
}


def main() -> None:
    """Measure, write the results after every part, and print how the targets were met."""
    arguments = _arguments()
    plan = replace(QUICK if arguments.quick else FULL, case=arguments.case)
    folder = arguments.out or (_RESULTS / "quick" if arguments.quick else _RESULTS)
    parts: dict[str, Findings] = read(folder, plan) if arguments.only or arguments.resume else {}
    started = time.monotonic()
    for part in _wanted(arguments, parts):
        environment = describe()
        with timed() as timing:
            parts[part] = _MEASURE[part](plan)
        parts[part].environment, parts[part].timing = environment, timing
        for reason in parts[part].missing:
            print(f"[{part}] not measured: {reason}", file=sys.stderr)
        write(folder, plan, environment, {name: parts[name] for name in PARTS if name in parts})
    print(targets_table(targets(parts)))
    print(f"\nResults are in {folder}, after {time.monotonic() - started:.0f} s.")


def _wanted(arguments: argparse.Namespace, parts: Mapping[str, Findings]) -> list[str]:
    """Return the parts to measure, in their order. parts: the results of earlier runs."""
    if arguments.resume:
        commit = describe()["commit"]
        return [part for part in PARTS if part not in parts or parts[part].environment["commit"] != commit]
    return [arguments.only] if arguments.only else list(PARTS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure pixstore_asgi beside its rivals.")
    parser.add_argument("--quick", action="store_true", help="run every part for a moment: shows that all works")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", choices=PARTS, help="run one part")
    which.add_argument("--resume", action="store_true", help="run the parts without results of this commit")
    parser.add_argument("--case", metavar="CASE", help="run one case of that part, such as gallery-3.8MB")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the results there")
    arguments = parser.parse_args()
    if arguments.case:
        if arguments.only not in _CASE_NAMES:
            parser.error(f"--case needs --only with one of {', '.join(_CASE_NAMES)}")
        names = _CASE_NAMES[arguments.only](QUICK if arguments.quick else FULL)
        if arguments.case not in names:
            parser.error(f"--case of {arguments.only} is one of {', '.join(names)}")
    return arguments


if __name__ == "__main__":
    main()
