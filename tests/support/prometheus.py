"""Runs a real Prometheus, and the node exporter that gives it files."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.support.servers import free_port
from tests.support.service import answers, until


@contextlib.contextmanager
def running_prometheus(program: str, folder: Path, scrape_configs: str) -> Iterator[httpx.Client]:
    """Run a Prometheus that asks the targets of its configuration every second; yield a client of its API."""
    folder.mkdir()
    every_second = "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
    (folder / "prometheus.yml").write_text(every_second + scrape_configs)
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        program,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
    ]
    with (
        _running(arguments, folder, f"http://{address}/-/ready"),
        httpx.Client(base_url=f"http://{address}/api/v1/", trust_env=False) as api,
    ):
        yield api


@contextlib.contextmanager
def running_exporter(program: str, folder: Path, files: Path) -> Iterator[str]:
    """Run a node exporter that gives the files of a folder and nothing else; yield its host and port."""
    folder.mkdir()
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        program,
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={files}",
        f"--web.listen-address={address}",
    ]
    with _running(arguments, folder, f"http://{address}/metrics"):
        yield address


def value_of(api: httpx.Client, query: str) -> list[tuple[dict[str, str], float]]:
    """Return the result of a query now: labels and value of each series."""
    answer: dict[str, Any] = api.get("query", params={"query": query}).raise_for_status().json()
    return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]


@contextlib.contextmanager
def _running(arguments: list[str], folder: Path, url: str) -> Iterator[None]:
    log_file = folder / "log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: answers(url), log_file)
        yield
    finally:
        process.terminate()
        process.wait(30)
