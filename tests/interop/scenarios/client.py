"""Scenarios about the browser client, each side's with its own server."""

import subprocess
import tempfile
import time
from pathlib import Path

from tests.interop.sides import NODE_FOLDER, Setup, Side
from tests.interop.tabs import Tabs
from tests.support.paths import ROOT
from tests.support.samples import picture

PACKAGES = {
    "npm": (NODE_FOLDER / "node_modules" / "pixstore", "pixstore/backend"),
    "ours": (ROOT / "js_client", "pixstore-asgi-client"),
}
"""By side: the installed package, and the name that its documentation imports."""


def truncated_response(side: Side, tabs: Tabs) -> str:
    """The first response arrives by half; the page asks again."""
    seen = tabs.probe("truncated", side, [picture()])
    requests = "one more request" if seen["requests"] == 2 else f"{seen['requests'] - 1 or 'no'} more requests"
    return f"the first call {seen['first']}, the second {seen['second']}, with {requests}"


def defaults(side: Side, tabs: Tabs) -> str:
    """Two servers with their defaults, and a client with its own, which is shown 52 images."""
    with side.start(Setup(window_ms=None)) as first, side.start(Setup(window_ms=None)) as second:
        record = first.save(picture())
        time.sleep(1)  # a proof's life in the npm package as it is shipped is 0.2 to 0.4 s
        ports = [peer.endpoint.rpartition(":")[2].split("/")[0] for peer in (first, second)]
        own = all(peer.endpoint.startswith(peer.app) for peer in (first, second))
        outcome = first.outcome(record)
    kept = tabs.probe("cacheLimit", side, [picture("png", 20, seed) for seed in range(52)])
    port = "the application's" if own else "a random one" if ports[0] != ports[1] else ports[0]
    cached = "all" if kept == 52 else f"at most {-(-kept // 10) * 10}"
    return f"after a second a record gives {outcome}; the port is {port}; of 52 images {cached} stay cached"


def cache_failures(side: Side, tabs: Tabs) -> str:
    """Six things that happen to a page's cache."""
    images = [picture("png", 100, seed) for seed in range(8)]
    requests = tabs.probe("tenCalls", side, images[:1])
    is_back = tabs.probe("deletedMeanwhile", side, images[:1])
    evicts = tabs.probe("evictsAfterFailure", side, images)
    after = tabs.probe("recoversFromClearing", side, images[:1])
    without = tabs.probe("withoutIndexedDB", side, images[:1], script="delete globalThis.indexedDB")
    hit = tabs.probe("hit", side, images[:1])
    assert hit["requests"] == 1
    return (
        f"ten calls at once: {count(requests, 'download')}; "
        f"deleted while it loads: {'comes back' if is_back else 'stays deleted'}; "
        f"after one storage error: {'evicts' if evicts else 'never evicts again'}; "
        f"after site data is cleared: {each(after)}; "
        f"without IndexedDB: {without}; "
        f"a hit: {count(hit['reads'], 'read')} and {count(hit['writes'], 'write')} of the image"
    )


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def each(outcomes: list[str]) -> str:
    return f"{outcomes[0]} every time" if len(set(outcomes)) == 1 else ", then ".join(outcomes)


def cut_payloads(side: Side, tabs: Tabs) -> str:
    """The client's decoder gets the beginning of an Updated payload."""
    cuts = tabs.probe("decodeCut", side, lengths=[3, 40])
    return "; ".join(
        cut.get("error") or f"decodes to an iv of {cut['iv']} and a tag of {cut['tag']} bytes" for cut in cuts
    )


def imports(side: Side, tabs: Tabs) -> str:
    """By its documented name in Node, and as a plain module in a page."""
    package, name = PACKAGES[side.name]
    with tempfile.TemporaryDirectory() as folder:
        installed = Path(folder, "node_modules", package.name if side.name == "npm" else name)
        installed.parent.mkdir()
        installed.symlink_to(package)
        script = f"import('{name}').then(() => console.log('works'), (error) => console.log(error.code))"
        node = subprocess.run(
            ["node", "-e", script], cwd=folder, capture_output=True, text=True, check=True, timeout=60
        )
    page = tabs.probe("importPlain", side)
    return f"in Node: {node.stdout.strip()}; in a page: {'works' if page == 'function' else page}"
