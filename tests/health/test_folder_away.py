"""Readiness, metrics and errors of a process whose folder of bodies is away."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from pixstore_asgi import Pixstore, PixstoreApp
from pixstore_asgi.errors import StoreBusy
from pixstore_asgi.integrations.prometheus import PrometheusMetrics
from tests.support.asgi import client
from tests.support.requests import headers
from tests.support.samples import SECRET, large_png, picture


def pixstore(folder: Path) -> Pixstore:
    return Pixstore(folder / "pixstore.db", blobs=folder / "pictures", secret=SECRET, cache_bytes=0)


async def test_a_process_stays_ready_and_a_new_one_is_not(tmp_path: Path) -> None:
    """A running process still serves short images, so a balancer keeps it. A long one is an InternalError in metrics.
    A save of one says that the folder is away.
    """
    registry = CollectorRegistry()
    async with pixstore(tmp_path) as pix, client(PixstoreApp(pix, on_served=PrometheusMetrics(registry))) as http:
        short, long = await pix.save_image(picture()), await pix.save_image(large_png(1_500_000))
        (tmp_path / "pictures").rename(tmp_path / "away")
        for record, state in ((short, "Success"), (long, "InternalError")):
            answer = await http.get(f"/{record.id}", headers=headers(record))
            assert answer.headers["x-pixstore-state"] == state
        with pytest.raises(StoreBusy) as busy:
            await pix.save_image(large_png(1_200_000))
        assert (busy.value.away, busy.value.detail) == ("folder", "the folder can't be reached: try again later")
        assert (await http.get("/-/ready")).status_code == 200
    assert registry.get_sample_value("pixstore_answer_seconds_count", {"state": "InternalError"}) == 1
    async with client(PixstoreApp(pixstore(tmp_path))) as http:
        assert (await http.get("/-/ready")).json() == {"ready": False, "reason": "store"}
