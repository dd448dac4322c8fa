"""SyncPixstore in processes in which gevent or eventlet has put greenlets in the place of threads."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.postgres import Cluster
from tests.support.s3 import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.servers]

PATCH = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}

CALLS = """
import io, sys, threading, time
from pixstore_asgi import Pixstore, Variant
from pixstore_asgi.errors import InvalidImage
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import image_in
from tests.support.samples import SECRET, large_png, picture

folder, *stores = sys.argv[1:]
LARGE = large_png(1_100_000)

def call(images, number):
    given = LARGE if number % 20 == 0 else picture(seed=number)
    record = images.save_image(io.BytesIO(given) if number % 2 else iter([given[:500], given[500:]]))
    with images.open_payload(record.id, token=record.token, proof=record.stateless_proof) as payload:
        assert image_in(record, b"".join(payload)) == given
    saved.append(record.id)

def tick():
    while not has_ended:
        ticks.append(time.monotonic())
        time.sleep(0.001)

for url in stores:
    if url == "sqlite":
        pix = Pixstore(f"{folder}/images.db", blobs=f"{folder}/bodies", secret=SECRET)
    elif url.startswith("s3:"):
        pix = Pixstore(f"{folder}/bucket.db", blobs=url, secret=SECRET)
    else:
        pix = Pixstore(url, secret=SECRET)
    with SyncPixstore(pix) as images:
        saved, ticks, has_ended = [], [], False
        calls = [threading.Thread(target=call, args=[images, number]) for number in range(200)]
        ticking = threading.Thread(target=tick)
        for thread in [ticking, *calls]:
            thread.start()
        for thread in calls:
            thread.join()
        has_ended = True
        ticking.join()
        longest = max(later - sooner for sooner, later in zip(ticks, ticks[1:]))
        print(len(set(saved)), "calls,", len(ticks), "ticks, longest pause", round(longest, 3), file=sys.stderr)
        assert len(set(saved)) == 200
        assert len(ticks) > 20  # other greenlets went on meanwhile

with SyncPixstore(Pixstore(f"{folder}/variants.db", secret=SECRET, variants=[Variant("small", width=20)])) as images:
    assert images.save_image(picture()).variants["small"]
    try:
        images.save_image(b"no picture")
    except InvalidImage:
        print("done")
"""


def run(kind: str, text: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", f"{PATCH[kind]}\n{text}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    print(done.stderr)
    return done.stdout


@pytest.mark.parametrize("kind", PATCH)
def test_200_calls(postgres: Cluster, s3: S3Server, tmp_path: Path, kind: str) -> None:
    """200 greenlets save and read at once in each store, other greenlets go on, and variants are made.

    No bucket under eventlet: one process of many crashed there.
    """
    bucket = [s3.url(kind)] if kind == "gevent" else []
    assert run(kind, CALLS, str(tmp_path), "sqlite", postgres.url(), *bucket) == "done\n"


KILLED = """
import os, sys, time
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import MemoryPixstore
from tests.support.samples import picture
images = SyncPixstore(MemoryPixstore())

def stalled():
    yield picture()[:100]
    time.sleep(60)

greenlet = spawn(images.save_image, stalled())
time.sleep(0.1)
greenlet.kill()
assert images.list_images() == []
images.save_image(picture())
if not (child := os.fork()):
    images.save_image(picture())
    assert len(images.list_images()) == 2
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(images.list_images()))
"""


@pytest.mark.parametrize("kind", PATCH)
def test_a_killed_greenlet(kind: str) -> None:
    """A greenlet that is killed cancels its call. Later calls work, also in a forked child."""
    assert run(kind, f"from {kind} import spawn" + KILLED) == "1\n"
