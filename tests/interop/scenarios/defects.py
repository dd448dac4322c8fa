"""Defects of the npm package's browser client, each looked for in both clients, in the same Chromium."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.interop.scenarios import client
from tests.interop.sides import Side
from tests.interop.tabs import Tabs
from tests.support.paths import ROOT
from tests.support.samples import large_png, picture

FORBIDDEN = """Object.defineProperty(globalThis, "indexedDB", { value: {
    open() { throw new DOMException("storage is forbidden here", "SecurityError"); },
} });"""
"""The state of a page with blocked site data, or in a sandboxed frame."""


class Defect(NamedTuple):
    title: str
    observe: Callable[[Side, Tabs], str]


def corrupted_entry(side: Side, tabs: Tabs) -> str:
    seen = tabs.probe("corrupted", side, [large_png(5000)])
    return f"{client.each(seen['outcomes'])}, with {client.count(seen['requests'], 'download')}"


def delete_during_read(side: Side, tabs: Tabs) -> str:
    seen = tabs.probe("deletedDuringRead", side, [large_png(200_000)])
    fate = "comes back" if seen["returned"] else "stays deleted"
    return f"{fate}; {'some reads fail' if seen['failed'] else 'every read shows it'}"


def quota(side: Side, tabs: Tabs) -> str:
    seen = tabs.probe("quotaExceeded", side, [large_png(100_000)] * 12)
    return f"{seen['shown']} of 12 are shown; the last one is {'' if seen['isLastCached'] else 'not '}cached"


def no_storage(side: Side, tabs: Tabs) -> str:
    absent, forbidden = (
        tabs.probe("withoutIndexedDB", side, [picture()], script=script)
        for script in ("delete globalThis.indexedDB", FORBIDDEN)
    )
    return f"{absent}; {forbidden}"


def cleared_site_data(side: Side, tabs: Tabs) -> str:
    return client.each(tabs.probe("recoversFromClearing", side, [picture()]))


def newer_database(side: Side, tabs: Tabs) -> str:
    return str(tabs.probe("newerDatabase", side, [picture()]))


def worker(side: Side, tabs: Tabs) -> str:
    return str(tabs.probe("inWorker", side, [picture()]))


def plain_module(side: Side, tabs: Tabs) -> str:
    found = tabs.probe("importPlain", side)
    return "works" if found == "function" else str(found)


def scheme(side: Side, tabs: Tabs) -> str:
    asked = tabs.probe("askedUrl", side, [picture()])
    return "asks by http:" if asked.startswith("http:") else "asks by the page's own scheme"


def jpeg_type(side: Side, tabs: Tabs) -> str:
    (answer,) = tabs.probe("readAll", side, [picture("jpeg")], config={})
    return str(answer["type"])


def delete_result(side: Side, tabs: Tabs) -> str:
    return ", then ".join(tabs.probe("deleteResults", side, [picture()]))


def types(side: Side, tabs: Tabs) -> str:
    """A strict TypeScript project imports getImage by the name that the documentation gives."""
    package, name = client.PACKAGES[side.name]
    name = "pixstore/frontend" if side.name == "npm" else name
    compiler = str(ROOT / "js_client" / "node_modules" / ".bin" / "tsc")
    with tempfile.TemporaryDirectory() as folder:
        installed = Path(folder, "node_modules", name.split("/")[0])
        installed.mkdir(parents=True)
        for path in package.iterdir():
            if path.name != "node_modules":
                (installed / path.name).symlink_to(path)
        Path(folder, "package.json").write_text('{"type": "module"}')
        Path(folder, "use.ts").write_text(f'import {{ getImage }} from "{name}";\nexport const used = getImage;\n')
        checked = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", "use.ts"]
        done = subprocess.run([compiler, *checked], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return "resolve" if done.returncode == 0 else "do not resolve"


def aborted(side: Side, tabs: Tabs) -> str:
    return str(tabs.probe("aborted", side, [picture()]))


def timed_out(side: Side, tabs: Tabs) -> str:
    return str(tabs.probe("timedOut", side, [picture()]))


def retried(side: Side, tabs: Tabs) -> str:
    return str(tabs.probe("retried", side, [picture()]))


def old_record(side: Side, tabs: Tabs) -> str:
    peer = side.shared
    old = peer.save(picture())
    peer.update(old.id, picture("webp"))
    requests = tabs.run("oldRecord", peer.app, client=side.name, endpoint=peer.endpoint, records=[old])
    return client.count(requests, "download")


def kept_in_memory(side: Side, tabs: Tabs) -> str:
    seen = tabs.probe("keptInMemory", side, [picture()], script="delete globalThis.indexedDB")
    return f"{client.each(seen['outcomes'])}, with {client.count(seen['requests'], 'download')}"


DEFECTS = [
    Defect("one reply is truncated", client.truncated_response),
    Defect("a cached copy is corrupted; the image is read three times", corrupted_entry),
    Defect("an image is deleted while it is read from the cache", delete_during_read),
    Defect("the storage is full: twelve images are read", quota),
    Defect("there is no IndexedDB; it is forbidden, as in a sandboxed frame", no_storage),
    Defect("site data is cleared while the page is open; three reads", cleared_site_data),
    Defect("a new version of the database is opened beside an old tab", newer_database),
    Defect("in a worker", worker),
    Defect("as a plain ES module", plain_module),
    Defect("the endpoint is given by host and port", scheme),
    Defect("the type of a JPEG", jpeg_type),
    Defect("`deleteCachedImage` of a cached image, and again", delete_result),
    Defect("the types, in a TypeScript project of ES modules", types),
    Defect("the server is silent, and the page aborts", aborted),
    Defect("the server is silent, and nobody aborts", timed_out),
    Defect("the network fails once", retried),
    Defect("a record from before an update is used three times", old_record),
    Defect("without IndexedDB, an image is read three times", kept_in_memory),
]
