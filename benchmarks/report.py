"""Writes a run to a folder: results.json with every measurement, results.md with the tables, and charts as SVG."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import backup
from .browser.table import browser_table
from .charts import Bar, Panel, bar_chart
from .markdown import NOTHING, duration, table
from .photos.table import pictures_tables, saves_panels
from .plan import PARTS, Findings, Plan, size_label
from .ratios import distinct, median, only, select
from .runs import HOT
from .scroll.table import scroll_panels, scroll_tables
from .sealed_records import sealed_records_table
from .slow_line.table import slow_line_panels, slow_line_tables
from .stores.gets import CACHED, CONNECTIONS, UNCACHED
from .stores.table import stores_tables
from .tables import (
    backup_tables,
    growth_tables,
    in_process_table,
    memory_table,
    saves_table,
    servers_tables,
    targets_table,
)
from .targets import targets

_CHART_CONNECTIONS = 16

_SECTIONS: dict[str, tuple[str, str, Callable[[Findings], str]]] = {
    "in-process": ("In-process", "", in_process_table),
    "servers": ("Servers", "servers.svg", servers_tables),
    "saves": ("Saves", "saves.svg", saves_table),
    "growth": ("Growth", "growth.svg", growth_tables),
    "backup": ("Backup", "backup.svg", backup_tables),
    "memory": ("Memory", "memory.svg", memory_table),
    "stores": ("Stores", "stores.svg", stores_tables),
    "pictures": ("Pictures", "pictures.svg", pictures_tables),
    "browser": ("Browser", "browser.svg", browser_table),
    "scroll": ("Scroll", "scroll.svg", scroll_tables),
    "slow-line": ("Slow line", "slow-line.svg", slow_line_tables),
    "sealed-records": ("Sealed records", "", sealed_records_table),
}


def write(folder: Path, plan: Plan, environment: Mapping[str, Any], parts: Mapping[str, Findings]) -> None:
    """Write the results of the parts that have been measured."""
    folder.mkdir(parents=True, exist_ok=True)
    verdicts = [{**asdict(target), "verdict": target.verdict} for target in targets(parts)]
    everything = {
        "plan": asdict(plan),
        "environment": dict(environment),
        "targets": verdicts,
        "parts": {name: asdict(found) for name, found in parts.items()},
    }
    (folder / "results.json").write_text(json.dumps(everything, indent=1) + "\n")
    for name, chart in _charts(parts):
        (folder / name).write_text(chart)
    (folder / "results.md").write_text(_markdown(plan, environment, parts))


def read(folder: Path, plan: Plan) -> dict[str, Findings]:
    """Return the parts that an earlier run by the same plan has left in a folder."""
    results = folder / "results.json"
    earlier = json.loads(results.read_text()) if results.exists() else {}
    if earlier.get("plan", {}).get("name") != plan.name:
        return {}
    return {
        name: Findings(**{"environment": earlier["environment"], **part}) for name, part in earlier["parts"].items()
    }


def _markdown(plan: Plan, environment: Mapping[str, Any], parts: Mapping[str, Findings]) -> str:
    blocks = ["# Results", _summary(plan, environment), _commits(environment, parts), targets_table(targets(parts))]
    missing = sorted({reason for found in parts.values() for reason in found.missing})
    if missing:
        blocks.append("Not measured:\n\n" + "\n".join(f"- {reason}" for reason in missing))
    for name, found in parts.items():
        title, chart, section = _SECTIONS[name]
        if found.rows:
            blocks.append(f"## {title}")
            blocks += [f"![{title}]({chart})"] if chart else []
            blocks += [_measured_elsewhere(found, environment)] if found.environment != environment else []
            blocks += _busy_machine(found)
            blocks.append(section(found))
    blocks += ["## Parts", _parts_table(parts), "## Machine and versions", _environment_list(environment)]
    return "\n\n".join(blocks) + "\n"


def _summary(plan: Plan, environment: Mapping[str, Any]) -> str:
    text = (
        f"Plan `{plan.name}`, commit `{environment['commit']}`, {environment['cpu']}, {environment['cores']} cores. "
        f"Ratios are medians of {plan.rounds} pairs measured side by side; how, is in `benchmarks/README.md`."
    )
    return text + (" **A quick run shows that all works; its figures mean nothing.**" if plan.name == "quick" else "")


def _commits(environment: Mapping[str, Any], parts: Mapping[str, Findings]) -> str:
    """Return whether all parts are from the commit of the last run, and name those that are not or are missing."""
    others = {name: found.environment["commit"] for name, found in parts.items()}
    others = {name: commit for name, commit in others.items() if commit != environment["commit"]}
    missing = [name for name in PARTS if name not in parts]
    if not others and not missing:
        return "All parts are from this commit."
    lines = [f"**{name} is from commit `{commit}`.**" for name, commit in others.items()]
    return " ".join([*lines, *([f"**Not measured: {', '.join(missing)}.**"] if missing else [])])


def _parts_table(parts: Mapping[str, Findings]) -> str:
    rows = []
    for name, found in parts.items():
        timing = found.timing
        seconds = timing.get("seconds")
        minutes = NOTHING if seconds is None else f"{float(seconds) / 60:.1f}"
        ends = (str(timing.get(column, NOTHING)) for column in ("load_at_start", "load_at_end"))
        rows.append((name, f"`{found.environment['commit']}`", str(timing.get("started", NOTHING)), minutes, *ends))
    return table(["part", "commit", "started", "minutes", "load at start", "at end"], rows)


def _measured_elsewhere(found: Findings, environment: Mapping[str, Any]) -> str:
    differing = {name: value for name, value in found.environment.items() if environment.get(name) != value}
    changed = differing.pop("versions", {})
    differing |= {name: version for name, version in changed.items() if environment["versions"].get(name) != version}
    return "Measured in another run: " + ", ".join(f"{name} {value}" for name, value in differing.items()) + "."


def _busy_machine(found: Findings) -> list[str]:
    load, cores = float(found.timing.get("load_at_start", 0)), found.environment.get("cores", 0)
    if load <= 2 * cores:
        return []
    return [f"Other work had the machine too (load average {load}): go by ratios and CPU, not by requests/s."]


def _environment_list(environment: Mapping[str, Any]) -> str:
    versions = environment["versions"]
    lines = [f"- {name}: {value}" for name, value in environment.items() if name != "versions"]
    return "\n".join([*lines, "- versions: " + ", ".join(f"{name} {version}" for name, version in versions.items())])


def _charts(parts: Mapping[str, Findings]) -> Iterator[tuple[str, str]]:
    makers = {
        "servers": _servers_chart,
        "saves": _saves_chart,
        "growth": _growth_chart,
        "backup": _backup_chart,
        "memory": _memory_chart,
        "stores": _stores_chart,
        "pictures": _pictures_chart,
        "browser": _browser_chart,
        "scroll": _scroll_chart,
        "slow-line": _slow_line_chart,
    }
    for name, found in parts.items():
        if found.rows and name in makers:
            yield f"{name}.svg", makers[name](found)


def _servers_chart(every: Findings) -> str:
    found = only(every, "load", HOT)
    panels = []
    for size in distinct(found, "size"):
        bars = [
            _bar(
                name,
                median(found, {"contestant": name, "size": size, "connections": _CHART_CONNECTIONS}, "requests_per_s"),
            )
            for name in distinct(found, "contestant")
        ]
        panels.append(Panel(size_label(size), bars))
    return bar_chart(f"Requests/s over HTTP, {_CHART_CONNECTIONS} connections, one core for the server", panels)


def _saves_chart(found: Findings) -> str:
    panels = []
    for size, kind, count in itertools.product(*(distinct(found, name) for name in ("size", "format", "concurrent"))):
        case: dict[str, str | int] = {"size": size, "format": kind, "concurrent": count}
        bars = [
            _bar(name, per_s)
            for name in distinct(found, "contestant")
            if (per_s := median(found, {**case, "contestant": name}, "saves_per_s")) is not None
        ]
        panels.append(Panel(f"{size_label(size)} {kind}, {count} at once", bars))
    return bar_chart("Saves/s (pixstore: fsync at checkpoints; files, FULL and npm: fsync per save)", panels)


def _growth_chart(found: Findings) -> str:
    panels = []
    for operation in ("GET", "record", "save", "open"):
        bars = []
        for count in sorted(distinct(found, "images")):
            seconds = median(found, {"what": operation, "images": count}, "seconds") or 0.0
            bars.append(Bar(f"{count:,} images", seconds, f"{seconds * 1e6:,.0f} µs", is_ours=True))
        panels.append(Panel(operation, bars))
    return bar_chart("Time of one operation beside ever more images", panels)


def _backup_chart(found: Findings) -> str:
    panels = []
    for load in (backup.BACKUP, backup.AGAIN, backup.RESTORE):
        rows = select(found, {"load": load})
        bars = [
            Bar(
                str(row["contestant"]),
                row["seconds"],
                duration(row["seconds"]),
                is_ours=row["contestant"] != backup.NPM,
            )
            for row in rows
        ]
        panels.append(Panel(f"{load}, {rows[0]['images']:,} images of {size_label(backup.SIZE)}", bars))
    return bar_chart("Time to back up and to restore", panels)


def _memory_chart(found: Findings) -> str:
    bars = [_bar(str(row["contestant"]), float(row["above_idle_mib"]), " MiB") for row in found.rows]
    readers = found.rows[0]["readers"]
    return bar_chart("Memory above idle", [Panel(f"{readers} slow readers", bars)])


def _stores_chart(found: Findings) -> str:
    panels = []
    for load, size in itertools.product((CACHED, UNCACHED), distinct(only(found, "load", UNCACHED), "size")):
        case: dict[str, str | int] = {"load": load, "size": size, "connections": CONNECTIONS}
        bars = [
            _bar(name, median(found, {**case, "contestant": name}, "cpu_us"), " µs")
            for name in distinct(found, "contestant")
        ]
        panels.append(Panel(f"{size_label(size)}, {load}", bars))
    return bar_chart("The application's CPU for one GET, one worker", panels)


def _pictures_chart(found: Findings) -> str:
    return bar_chart("CPU of all processes to save a photo and three smaller copies", saves_panels(found))


def _browser_chart(found: Findings) -> str:
    panels = []
    for label in distinct(found, "label"):
        names = dict.fromkeys(str(row["contestant"]) for row in found.rows if row["label"] == label and "ms" in row)
        bars = [_bar(name, median(found, {"label": label, "contestant": name}, "ms"), " ms") for name in names]
        panels += [Panel(label, bars)] if bars else []
    return bar_chart("Time in Chromium", panels)


def _scroll_chart(found: Findings) -> str:
    return bar_chart("A long page of thumbnails, scrolled through in Chromium", scroll_panels(found))


def _slow_line_chart(found: Findings) -> str:
    return bar_chart("A page of thumbnails over slow 4G, in Chromium on a slow processor", slow_line_panels(found))


def _bar(name: str, value: float | None, unit: str = "") -> Bar:
    text = "no valid figure" if value is None else f"{value:,.0f}{unit}" if value >= 100 else f"{value:.3g}{unit}"
    return Bar(name, value or 0.0, text, is_ours=name.startswith(("pixstore", "middleware", "uncached", "alone")))
