"""Metrics for Prometheus: served images by wire state, in one process and over workers."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import anyio
import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from pixstore_asgi import ConfigError, ImageRecord, Pixstore, PixstoreApp
from pixstore_asgi.integrations.prometheus import PrometheusMetrics
from pixstore_asgi.testing import MemoryPixstore, proof_headers
from tests.support.asgi import Wire, client, scope_of
from tests.support.pages import application_of
from tests.support.paths import ROOT
from tests.support.requests import headers
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import running

APPLICATION = application_of("monitoring.md")


async def test_answers_are_counted_by_state(pix: Pixstore) -> None:
    """Each answer is one of its state's histogram, with its bytes; refusals and the application's own among them."""
    registry = CollectorRegistry()
    record, forbidden = await pix.save_image(picture()), await pix.save_image(picture())
    app = PixstoreApp(
        pix, on_served=PrometheusMetrics(registry), authorize=lambda scope, image_id: image_id == record.id
    )
    async with client(app) as http:
        lengths = [len((await http.get(f"/{record.id}", headers=headers(record))).content) for _ in range(2)]
        await http.get(f"/{record.id}")
        await http.get(f"/{forbidden.id}", headers=headers(forbidden))

    def value(name: str, state: str) -> float | None:
        return registry.get_sample_value(f"pixstore_{name}", {"state": state})

    assert value("answer_seconds_count", "Success") == 2
    assert value("sent_bytes_total", "Success") == sum(lengths)
    assert [value("answer_seconds_count", state) for state in ("MissingProof", "Forbidden", "Updated")] == [1, 1, 0]


def test_no_label_holds_an_id() -> None:
    """All labels are there from the beginning: the states, and the limits of histograms."""
    registry = CollectorRegistry()
    PrometheusMetrics(registry)
    labels = [sample.labels for metric in registry.collect() for sample in metric.samples]
    assert {name for named in labels for name in named} == {"state", "le"}
    assert {named["state"] for named in labels if "state" in named} == {
        *("Success", "Updated", "NotFound", "MissingID", "MissingProof", "InvalidProof", "InternalError", "Forbidden")
    }


def test_a_registry_has_them_once() -> None:
    """A second one in the same registry is a ConfigError that names the way out."""
    registry = CollectorRegistry()
    PrometheusMetrics(registry)
    with pytest.raises(ConfigError, match=r"make one for each registry, such as PrometheusMetrics\(CollectorRegistry"):
        PrometheusMetrics(registry)


@pytest.mark.servers
def test_workers_are_added_up(tmp_path: Path) -> None:
    """The application of the page, with two workers, tells of all that both have answered."""
    (tmp_path / "app.py").write_text(APPLICATION)
    (tmp_path / "metrics").mkdir()
    variables = {
        "PIXSTORE_SECRET": SECRET,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
    }
    with (
        running("uvicorn", "app:app", tmp_path, cwd=tmp_path, environment=variables, workers=2) as served,
        httpx.Client(base_url=served.url, follow_redirects=True) as http,
    ):
        saved = ImageRecord.parse(http.post("/api/pictures", content=picture()).raise_for_status().json())
        for _ in range(20):
            # A connection of its own, so that both workers get some.
            httpx.get(f"{served.url}/pixstore-image/{saved.id}", headers=headers(saved)).raise_for_status()
        text = http.get("/metrics").text
    assert 'pixstore_answer_seconds_count{state="Success"} 20.0' in text


def page_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the application of the page as the tests of an application would."""
    (folder / "metered.py").write_text(APPLICATION)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "metered", raising=False)
    return importlib.import_module("metered")


def test_the_application_is_made_anew_for_each_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's factory makes any number of applications, without the variable of several workers, each with counts
    of its own."""
    module = page_module(tmp_path, monkeypatch)
    for _ in range(2):
        with TestClient(module.create_app(MemoryPixstore())) as http:
            record = http.post("/api/pictures", content=picture()).raise_for_status().json()
            assert http.get(f"/pixstore-image/{record['id']}", headers=proof_headers(record)).status_code == 200
            answer = http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert 'pixstore_answer_seconds_count{state="Success"} 1.0' in answer.text


def test_the_address_of_metrics_is_exact_beside_a_mount_at_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/metrics` answers without a redirect if a page's files are mounted at `/`."""
    app = page_module(tmp_path, monkeypatch).create_app(MemoryPixstore())
    app.mount("/", StaticFiles(directory=tmp_path))
    with TestClient(app, follow_redirects=False) as http:
        assert http.get("/metrics").status_code == 200
        assert http.get("/metered.py").status_code == 200


async def test_what_is_read_of_the_store_is_timed(pix: Pixstore) -> None:
    """An image in memory is not, and answers under way are counted until they end."""
    registry = CollectorRegistry()
    record = await pix.save_image(large_png(3_000_000))
    async with client(PixstoreApp(pix, on_served=[PrometheusMetrics(registry)])) as http:
        for read in (1, 2, 2, 2):  # it is kept from the second reading on
            await http.get(f"/{record.id}", headers=headers(record))
            assert registry.get_sample_value("pixstore_store_read_seconds_count") == read
    assert registry.get_sample_value("pixstore_open_answers") == 0
    wire = Wire(stall_after=2)
    app = PixstoreApp(pix, on_served=PrometheusMetrics(registry := CollectorRegistry()))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, scope_of(record), wire.receive, wire.send)
        await anyio.wait_all_tasks_blocked()
        assert registry.get_sample_value("pixstore_open_answers") == 1
        tasks.cancel_scope.cancel()
    assert registry.get_sample_value("pixstore_open_answers") == 0
