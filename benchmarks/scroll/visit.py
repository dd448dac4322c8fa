"""One visit to the page, opened and scrolled through, with its processor time, memory and traffic."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Playwright

from ..browser.chromium import open_chromium
from ..browser.resident import Resident
from ..memory import MIB
from ..runs import Row
from .ways import Way

# Their names in the DevTools protocol.
_THREAD, _PROCESS, _HEAP = "ThreadTime", "ProcessTime", "JSHeapUsedSize"


def visit(playwright: Playwright, profile: Path, url: str, way: Way, pixels_per_frame: int) -> Row:
    """Scroll from the top of the page to its end; memory and processor time are from when its top was shown."""
    with open_chromium(playwright, profile, has_aes=way.has_aes) as tab:
        _traffic(url)
        tab.open(url, way.script)
        devtools = tab.page.context.new_cdp_session(tab.page)
        devtools.send("Performance.enable")
        resident = Resident(profile)
        before = _metrics_at_rest(devtools)
        start, browser_before = resident.renderer_bytes("VmRSS"), resident.cpu_seconds()
        resident.restart_peaks()
        found: Row = tab.measure("scroll", pixelsPerFrame=pixels_per_frame)
        used, browser_used = _metrics(devtools), resident.cpu_seconds()
        peak = resident.renderer_bytes("VmHWM")
        tab.measure("ready")
        after = _metrics_at_rest(devtools)
        end = resident.renderer_bytes("VmRSS")
        devtools.send("Memory.simulatePressureNotification", {"level": "critical"})
        tab.measure("ready")
        kept = resident.renderer_bytes("VmRSS")
        aes: Row = tab.measure("decryption")
    return {
        **found,
        **aes,
        "main_thread_s": round(used[_THREAD] - before[_THREAD], 3),
        "renderer_s": round(used[_PROCESS] - before[_PROCESS], 2),
        "browser_s": round(browser_used - browser_before, 2),
        "start_mib": _mib(start),
        "peak_above_mib": _mib(peak - start),
        "end_above_mib": _mib(end - start),
        "kept_above_mib": _mib(kept - start),
        "heap_above_mib": _mib(after[_HEAP] - before[_HEAP]),
        **_traffic(url),
    }


def _metrics_at_rest(devtools: CDPSession) -> dict[str, float]:
    """Return the page's figures from DevTools after a garbage collection."""
    devtools.send("HeapProfiler.collectGarbage")
    return _metrics(devtools)


def _metrics(devtools: CDPSession) -> dict[str, float]:
    metrics: list[dict[str, Any]] = devtools.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in metrics}


def _mib(size: float) -> float:
    return round(size / MIB, 1)


def _traffic(url: str) -> dict[str, int]:
    """Return the requests for images and the bytes of their answers since the last question."""
    with urllib.request.urlopen(f"{url}/traffic") as answer:  # noqa: S310
        told: dict[str, int] = json.load(answer)
    return told
