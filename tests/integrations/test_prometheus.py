"""Metrics for Prometheus: what is served, by wire state, in one process and over workers."""

from pathlib import Path

import anyio
import httpx
import pytest
from prometheus_client import CollectorRegistry

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp
from pixstore_asgi.integrations.prometheus import PrometheusMetrics
from tests.support.asgi import Wire, client, scope_of
from tests.support.pages import application_of
from tests.support.paths import ROOT
from tests.support.requests import headers
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import running

APPLICATION = application_of("upkeep.md")


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
