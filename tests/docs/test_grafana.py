"""grafana.json: each panel's query gets an answer from a real Prometheus that scrapes two workers."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pixstore_asgi import ImageRecord
from tests.support.pages import application_of
from tests.support.paths import DOCS, ROOT
from tests.support.prometheus import running_exporter, running_prometheus, value_of
from tests.support.requests import headers
from tests.support.samples import SECRET, picture
from tests.support.servers import running
from tests.support.service import until
from tests.support.tools import require

APPLICATION = application_of("monitoring.md")
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana.json").read_text())


def asked(expression: str) -> str:
    """Return a panel's expression as Grafana would ask it."""
    return expression.replace("$__rate_interval", "1m").replace("$job", "app")


QUERIES = {
    f"{panel['title']}: {target['legendFormat']}": asked(target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}


def scrape_configs(targets: dict[str, str]) -> str:
    """Return the page's configuration of Prometheus with other targets, by those that stand there."""
    ((text),) = re.findall(r"```yaml\n# prometheus.yml\n(.*?)```", (DOCS / "monitoring.md").read_text(), re.DOTALL)
    for there, target in targets.items():
        assert text.count(there) == 1
        text = text.replace(there, target)
    return str(text)


def save_and_ask(url: str) -> None:
    """Save an image and ask for it on a connection of its own, so that any worker may get it; once without a proof."""
    record = ImageRecord.parse(httpx.post(f"{url}/api/pictures", content=picture()).raise_for_status().json())
    httpx.get(f"{url}/pixstore-image/{record.id}", headers=headers(record)).raise_for_status()
    httpx.get(f"{url}/pixstore-image/{record.id}")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Prometheus that has asked the application of the page, under load, and a file that `stats` wrote."""
    folder = tmp_path_factory.mktemp("prometheus")
    program = require("prometheus", "prometheus")
    exporter = require("prometheus-node-exporter", "prometheus-node-exporter")
    (folder / "app.py").write_text(APPLICATION)
    for name in ("metrics", "files"):
        (folder / name).mkdir()
    variables = {
        "PIXSTORE_SECRET": SECRET,
        "PYTHONPATH": f"{folder}:{ROOT}",
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
    }
    with running("uvicorn", "app:app", folder, cwd=folder, environment=variables, workers=2) as served:
        save_and_ask(served.url)
        stats = [
            str(Path(sys.executable).parent / "pixstore-asgi"),
            "stats",
            "--database",
            "pixstore.db",
            "--prometheus",
        ]
        (folder / "files" / "pixstore.prom").write_bytes(subprocess.check_output(stats, cwd=folder))
        with running_exporter(exporter, folder / "exporter", folder / "files") as files:
            targets = {"127.0.0.1:8000": served.url.removeprefix("http://"), "127.0.0.1:9100": files}
            with running_prometheus(program, folder / "data", scrape_configs(targets)) as api:
                deadline = time.monotonic() + 60
                # Rates are there from the second time on that Prometheus has asked.
                while not value_of(api, 'sum(rate(pixstore_answer_seconds_count{state="Success"}[1m])) > 0'):
                    assert time.monotonic() < deadline, "Prometheus counts nothing"
                    save_and_ask(served.url)
                until(lambda: value_of(api, "pixstore_images"), "the file of stats is not there")
                workers = {path.stem.rpartition("_")[2] for path in (folder / "metrics").iterdir()}
                assert len(workers) == 2
                yield api


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_each_panel_shows_something(prometheus: httpx.Client, query: str) -> None:
    """The panel's query returns a number."""
    found = value_of(prometheus, query)
    assert found
    assert all(value == value for _, value in found)


@pytest.mark.slow
@pytest.mark.servers
def test_both_workers_are_one(prometheus: httpx.Client) -> None:
    """Every worker reports the sum: no count ever goes back."""
    assert value_of(prometheus, "sum(resets(pixstore_answer_seconds_count[1m])) == 0")
    ((_, answers),) = value_of(prometheus, "sum(pixstore_answer_seconds_count)")
    assert answers > 2


def test_panels_ask_for_what_there_is() -> None:
    """Each metric that a panel names is in the tables of the page."""
    page = set(re.findall(r"pixstore_\w+", (DOCS / "monitoring.md").read_text()))
    named = {re.sub(r"_(count|bucket)$", "", name) for name in re.findall(r"pixstore_\w+", " ".join(QUERIES.values()))}
    assert named <= page
