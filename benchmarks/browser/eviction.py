"""One more image beside a full cache, which takes long to fill: each contestant keeps a profile of its own for it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Playwright

from benchmarks.plan import Plan, size_label

from .cases import NPM, OURS, Columns
from .chromium import Tab, open_chromium
from .site import Site

NAME = "eviction"
# More images than fit, in turn: an image that comes again was evicted long ago.
_SPARE = 100


def label(plan: Plan) -> str:
    """Return how the tables call it."""
    return f"one more image at {plan.browser_cached:,} cached images of {size_label(plan.browser_evicted_size)}"


class FullCache:
    """A contestant in a separate Chromium, with a cache that is filled before every measurement."""

    def __init__(self, tab: Tab, site: Site, contestant: str, plan: Plan) -> None:
        self.contestant = contestant
        self._tab, self._site = tab, site
        self._next = 0
        self._wanted = {
            "size": plan.browser_evicted_size,
            "limit": plan.browser_cached,
            "images": plan.browser_cached + _SPARE,
            "waitMs": plan.browser_wait_ms,
        }

    def measure(self) -> Columns:
        """Fetch one more image, and then another while the reads of the storage are counted."""
        found: Columns = self._one_more("oneMore")
        return {**found, **self._one_more("oneMoreCounted")}

    def _one_more(self, name: str) -> Columns:
        self._tab.open(self._site.url, self.contestant, limit=self._wanted["limit"])
        self._next = self._tab.measure("fill", next=self._next, **self._wanted)
        found: Columns = self._tab.measure(name, first=self._next % self._wanted["images"], **self._wanted)
        self._next += 1
        return found


@contextlib.contextmanager
def full_caches(playwright: Playwright, site: Site, folder: Path, plan: Plan) -> Iterator[list[FullCache]]:
    """Open a Chromium for each contestant that has a cache to fill."""
    with contextlib.ExitStack() as stack:
        caches = []
        for contestant in (NPM, OURS):
            tab = stack.enter_context(open_chromium(playwright, folder / f"full-{contestant}"))
            caches.append(FullCache(tab, site, contestant, plan))
        yield caches
