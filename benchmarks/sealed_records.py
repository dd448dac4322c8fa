"""The part `sealed-records`: sealed records beside plain ones, in Chromium and on the server, always in turn."""

import asyncio
import base64
import json
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import sync_playwright

from pixstore_asgi import Pixstore, RecordsApp

from .browser.chromium import Tab, open_chromium
from .browser.site import running_site
from .environment import missing_programs
from .markdown import NOTHING, table, times
from .page import IMAGES, SIZE
from .pictures import png
from .plan import Findings, Plan, size_label, size_name
from .progress import Progress
from .ratios import difference, distinct, median, ratio

SEALED, PLAIN = "sealed", "plain"
PAGE, ANSWER = f"{IMAGES} thumbnails of {size_label(SIZE)} after a reload", f"CPU of an answer with {IMAGES} records"
_Row = dict[str, Any]


def cold(size: int) -> str:
    """Return how the tables call a new image."""
    return f"cold, {size_label(size)}"


def reload(size: int) -> str:
    """Return how the tables call a cached image."""
    return f"after a reload, {size_label(size)}"


def case_names(plan: Plan) -> list[str]:
    """Return the names that `--case` accepts."""
    sized = [f"{kind}-{size_name(size)}" for kind in ("cold", "reload") for size in plan.browser_sizes]
    return [*sized, "page", "answer"]


def measure(plan: Plan) -> Findings:
    """Measure every case in every round, each round in a fresh profile."""
    found = Findings(missing=missing_programs("chromium", "node", "npm front end"))
    progress = Progress("sealed-records", plan.few_rounds * sum(map(plan.has_case, case_names(plan))))
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name:
        for rows in (_in_browser(Path(name), plan) if not found.missing else (), _on_server(Path(name), plan)):
            for row in rows:
                found.rows.append(row)
                if row["contestant"] == PLAIN:
                    progress.step(f"{row['label']}: {row['ms']:.4g} ms")
    return found


def _in_browser(folder: Path, plan: Plan) -> Iterator[_Row]:
    if plan.case == "answer":
        return
    with running_site(folder) as site, sync_playwright() as playwright:
        for number in range(plan.few_rounds):
            with open_chromium(playwright, folder / f"profile-{number}") as tab:
                for size in plan.browser_sizes:
                    if plan.has_case(f"cold-{size_name(size)}"):
                        tab.open(site.url, "both")
                        for row in tab.measure("coldByKind", size=size, first=0, reads=plan.sealed_record_reads):
                            yield {"label": cold(size), "round": number, **row}
                for size in plan.browser_sizes:
                    if plan.has_case(f"reload-{size_name(size)}"):
                        yield from _reloads(tab, site.url, reload(size), number, plan, size=size, first=100, count=1)
                if plan.has_case("page"):
                    yield from _reloads(tab, site.url, PAGE, number, plan, size=SIZE, first=0, count=IMAGES)


def _reloads(tab: Tab, url: str, label: str, number: int, plan: Plan, **images: int) -> Iterator[_Row]:
    """Load the page for one kind of records and for the other, again and again, with the images in both caches."""
    tab.open(url, "both")
    tab.measure("keepByKind", **images)
    visits: dict[str, list[_Row]] = {SEALED: [], PLAIN: []}
    for turn in range(plan.sealed_record_reads):
        for kind in (SEALED, PLAIN)[:: -1 if turn % 2 else 1]:
            tab.open(url, kind)
            visits[kind].append(tab.measure("reloadByKind", **images))
    for kind, counted in visits.items():
        medians = {name: statistics.median(each[name] for each in counted) for name in ("ms", "image_ms")}
        wrong = sum(each["wrong"] for each in counted)
        yield {"label": label, "round": number, "contestant": kind, **medians, "wrong": wrong}


def _on_server(folder: Path, plan: Plan) -> Iterator[_Row]:
    if plan.has_case("answer"):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            yield from runner.run(_answers(folder / "answers.db", plan))


async def _answers(database: Path, plan: Plan) -> list[_Row]:
    """Ask a RecordsApp without a server for records of both kinds in turn.

    Other processes on the machine change the elapsed time more than the kind of records does, so this is CPU time.
    """
    rows: list[_Row] = []
    async with Pixstore(database, secret=secrets.token_bytes(32)) as pix:
        ids = [(await pix.save_image(png(1000))).id for _ in range(IMAGES)]
        app = RecordsApp(pix, authorize=lambda scope, image_id: True)
        scopes = {SEALED: _scope(ids, _recipient()), PLAIN: _scope(ids)}
        for number in range(-1, plan.few_rounds):  # the first round warms up
            seconds: dict[str, list[float]] = {SEALED: [], PLAIN: []}
            for turn in range(plan.sealed_record_answers):
                for kind in (SEALED, PLAIN)[:: -1 if turn % 2 else 1]:
                    started = time.process_time()
                    await _body(app, scopes[kind])
                    seconds[kind].append(time.process_time() - started)
            wrong = {kind: _count_wrong(await _body(app, scopes[kind]), ids, kind) for kind in seconds}
            for kind, measured in seconds.items():
                if number >= 0:
                    ms = statistics.median(measured) * 1000
                    rows.append({"label": ANSWER, "round": number, "contestant": kind, "ms": ms, "wrong": wrong[kind]})
    return rows


def _scope(ids: list[str], *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    query = "&".join(f"id={image_id}" for image_id in ids).encode()
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
    }


def _recipient() -> tuple[bytes, bytes]:
    """Return the header of a page."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return b"pixstore-recipient", base64.urlsafe_b64encode(point).rstrip(b"=")


async def _body(app: RecordsApp, scope: dict[str, Any]) -> bytes:
    pieces: list[bytes] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pieces.append(message.get("body", b""))

    await app(dict(scope), receive, send)
    return b"".join(pieces)


def _count_wrong(body: bytes, ids: list[str], kind: str) -> int:
    records = json.loads(body)
    field = "sealed" if kind == SEALED else "key"
    return sum(image_id not in records or field not in records[image_id]["meta"] for image_id in ids)


def sealed_records_table(found: Findings) -> str:
    """Return each case by both kinds of records."""
    rows = []
    for label in distinct(found, "label"):
        for column, suffix in (("ms", ""), ("image_ms", ", without the request for records")):
            over, under = ({"label": label, "contestant": kind} for kind in (SEALED, PLAIN))
            more = difference(found, over, under, column)
            if more:
                figures = (_ms(median(found, kind, column)) for kind in (over, under))
                against = times(ratio(found, over, under, column))
                rows.append((f"{label}{suffix}", against, f"{more.value:+.3g} ms", *figures))
    return table(["", "sealed against plain", "more", "sealed", "plain"], rows)


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g} ms"
