"""SyncPixstore in the workers of Celery: forked processes, and greenlets."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.servers]

TASKS = """
import os
from celery import Celery
from pixstore_asgi import Pixstore
from pixstore_asgi.sync import SyncPixstore
from tests.support.samples import SECRET, picture

folder = os.environ["CELERY_TEST_FOLDER"]
app = Celery(broker="filesystem://", backend=f"file://{folder}/results")
app.conf.broker_transport_options = {
    "data_folder_in": f"{folder}/queue", "data_folder_out": f"{folder}/queue", "control_folder": f"{folder}/control"
}
images = SyncPixstore(Pixstore(f"{folder}/images.db", secret=SECRET))
images.list_images()  # the parent of the workers uses the store, too

@app.task
def save(number):
    return images.save_image(picture(seed=number)).id
"""
CALLER = """
import celery_tasks
results = [celery_tasks.save.delay(number) for number in range(20)]
ids = [result.get(timeout=40) for result in results]
assert {image.id for image in celery_tasks.images.list_images()} == set(ids)
print(len(set(ids)))
"""


@pytest.mark.parametrize("pool", ["prefork", "gevent"])
def test_celery(tmp_path: Path, pool: str) -> None:
    """20 tasks in a worker with several processes or greenlets save an image each; its parent has used the store."""
    for name in ("results", "queue", "control"):
        (tmp_path / name).mkdir()
    (tmp_path / "celery_tasks.py").write_text(TASKS)
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "CELERY_TEST_FOLDER": str(tmp_path),
        "PYTHONWARNINGS": "ignore",
        "C_FORCE_ROOT": "1",
    }
    command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--pool", pool, "--concurrency", "4"]
    command += ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
        try:
            called = subprocess.run(
                [sys.executable, "-c", CALLER],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            worker.terminate()
            worker.wait(30)
    assert called.stdout == "20\n", called.stderr + (tmp_path / "log").read_text()
