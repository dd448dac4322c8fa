"""The cases of the browser benchmarks. A case is one measurement of one contestant, repeated in every round."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.plan import Plan, size_label, size_name

from .chromium import Tab
from .resident import Resident
from .site import Site

Columns = dict[str, float | int]
NPM, OURS, FLOOR = "npm", "pixstore", "floor"

_MIB = 1024 * 1024
# Each case has images of its own, counted from here: none of them is in a cache before it.
_COLD, _KEPT, _AT_ONCE, _SAME, _MAIN, _HELD, _BESIDE = 0, 30, 100, 40, 50, 60, 70
_SAME_CALLS = 10
_LARGE_BESIDE = 8  # more than any client holds in memory


@dataclass(frozen=True, slots=True)
class Visit:
    """The parts of a measurement: a tab, the site, and the plan."""

    tab: Tab
    site: Site
    plan: Plan


@dataclass(frozen=True, slots=True)
class Case:
    """`name` is how the command line calls it, `label` how the tables do."""

    name: str
    label: str
    run: Callable[[Visit, str], Columns]
    contestants: tuple[str, ...] = (NPM, OURS, FLOOR)
    rounds: int | None = None


def all_cases(plan: Plan) -> Iterator[Case]:
    """Return the cases that share a profile, in the order in which a round measures them."""
    few = plan.few_rounds  # of cases that are far from their bounds
    for size in plan.browser_sizes:
        yield _sized("cold", "cold fetch", size, _cold)
    for size in plan.browser_sizes:
        yield _sized("reload", "first read after a reload", size, _first_read)
    for size in plan.browser_sizes:
        yield _sized("hot", "hot read, every byte", size, _hot, few)
    small, large = plan.browser_sizes[0], plan.browser_sizes[-1]
    beside = f"hot read of {size_label(small)} beside images of {size_label(large)}"
    yield Case("hot-beside", beside, _hot_beside, (NPM, OURS), rounds=few)
    many = f"{plan.browser_at_once} images of {size_label(small)} at once"
    yield Case("at-once-cold", f"{many}, cold", lambda visit, side: _at_once(visit, side, visit.site.url))
    yield Case("at-once-reload", f"{many}, after a reload", _first_read_at_once)
    yield Case(
        "at-once-far",
        f"{many}, cold, 50 ms away",
        lambda visit, side: _at_once(visit, side, visit.site.far_url),
        rounds=few,
    )
    same = f"{_SAME_CALLS} calls at once for one image of {size_label(large)}"
    yield Case("same-at-once", same, _same_at_once, rounds=few)
    yield Case("main-thread", f"main thread for {size_label(large)} from the cache", _main_thread, rounds=few)
    yield Case("memory", f"{plan.browser_held} images of {size_label(large)} at once", _memory, rounds=few)
    yield Case("hit-writes", f"a hit of {size_label(large)}", _hit_writes, (NPM, OURS), rounds=1)


def _sized(
    name: str, label: str, size: int, run: Callable[[Visit, str, int], Columns], rounds: int | None = None
) -> Case:
    return Case(
        f"{name}-{size_name(size)}",
        f"{label}, {size_label(size)}",
        lambda visit, side: run(visit, side, size),
        rounds=rounds,
    )


def _cold(visit: Visit, contestant: str, size: int) -> Columns:
    visit.tab.open(visit.site.url, contestant)
    found: Columns = visit.tab.measure("cold", size=size, first=_COLD, count=visit.plan.browser_reads(size) + 1)
    return found


def _first_read(visit: Visit, contestant: str, size: int) -> Columns:
    image = {"size": size, "first": _KEPT, "count": 1}
    _open_with_kept(visit, contestant, image)
    reads: list[Columns] = [visit.tab.measure("firstRead", **image)]
    for _ in range(visit.plan.browser_reloads - 1):
        visit.tab.open(visit.site.url, contestant)
        reads.append(visit.tab.measure("firstRead", **image))
    return {"ms": statistics.median(read["ms"] for read in reads), "wrong": sum(read["wrong"] for read in reads)}


def _hot(visit: Visit, contestant: str, size: int) -> Columns:
    visit.tab.open(visit.site.url, contestant)
    times = visit.plan.browser_reads(size) * 2
    found: Columns = visit.tab.measure("hot", size=size, first=_KEPT, count=1, times=times)
    return found


def _hot_beside(visit: Visit, contestant: str) -> Columns:
    visit.tab.open(visit.site.url, contestant)
    small, large = visit.plan.browser_sizes[0], visit.plan.browser_sizes[-1]
    beside = {"size": large, "first": _BESIDE, "count": _LARGE_BESIDE}
    found: Columns = visit.tab.measure("hotBeside", size=small, first=_BESIDE + _LARGE_BESIDE, count=1, beside=beside)
    return found


def _at_once(visit: Visit, contestant: str, url: str) -> Columns:
    visit.tab.open(url, contestant)
    found: Columns = visit.tab.measure("atOnce", **_many(visit.plan, 1))
    return found


def _first_read_at_once(visit: Visit, contestant: str) -> Columns:
    images = _many(visit.plan, 0)
    _open_with_kept(visit, contestant, images)
    found: Columns = visit.tab.measure("firstReadAtOnce", **images)
    return found


def _many(plan: Plan, more: int) -> dict[str, int]:
    return {"size": plan.browser_sizes[0], "first": _AT_ONCE, "count": plan.browser_at_once + more}


def _same_at_once(visit: Visit, contestant: str) -> Columns:
    visit.tab.open(visit.site.url, contestant)
    size = visit.plan.browser_sizes[-1]
    found: Columns = visit.tab.measure("sameAtOnce", size=size, first=_SAME, count=2, calls=_SAME_CALLS)
    return found


def _main_thread(visit: Visit, contestant: str) -> Columns:
    size, count = visit.plan.browser_sizes[-1], visit.plan.browser_reads(visit.plan.browser_sizes[-1])
    images = {"size": size, "first": _MAIN, "count": count}
    _open_with_kept(visit, contestant, images)
    found: Any = visit.tab.measure("records", **images)
    with visit.tab.main_thread() as busy:
        visit.tab.measure("readEach", size=size, records=found["records"])
    return {"ms": busy.seconds * 1000 / count}


def _memory(visit: Visit, contestant: str) -> Columns:
    visit.tab.open(visit.site.url, contestant)
    size = visit.plan.browser_sizes[-1]
    images = visit.tab.measure("records", size=size, first=_HELD, count=visit.plan.browser_held)
    resident = Resident(visit.tab.profile)
    resident.restart_peaks()
    idle, all_idle = resident.renderer_bytes("VmRSS"), resident.all_bytes("VmRSS")
    found: Columns = visit.tab.measure("holdAll", size=size, **images)
    renderer = resident.renderer_bytes("VmHWM") - idle
    everything = resident.all_bytes("VmHWM") - all_idle
    return {"renderer_mib": round(renderer / _MIB, 1), "all_mib": round(everything / _MIB, 1), **found}


def _hit_writes(visit: Visit, contestant: str) -> Columns:
    image = {"size": visit.plan.browser_sizes[-1], "first": _KEPT, "count": 1}
    _open_with_kept(visit, contestant, image)
    found: Columns = visit.tab.measure("hitWrites", waitMs=visit.plan.browser_wait_ms, **image)
    return found


def _open_with_kept(visit: Visit, contestant: str, images: dict[str, int]) -> None:
    """Load the page with these images in the contestant's cache, and nothing of them in its memory."""
    visit.tab.open(visit.site.url, contestant)
    visit.tab.measure("keep", **images)
    visit.tab.open(visit.site.url, contestant)
