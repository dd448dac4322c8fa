"""Revocations and new keys interrupted by kill -9: acknowledged ones hold, and every image opens."""

import random
import time
from pathlib import Path

import pytest

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.pixstore import parts_of
from tests.stress.conftest import BLOBS
from tests.stress.processes import Worker
from tests.stress.stores import store_of
from tests.support.samples import SECRET, picture

pytestmark = pytest.mark.slow

IMAGES = 20
LENGTHS = [
    pytest.param(5, id="short"),
    pytest.param(60, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
]


def kill_one(target: str, ids: list[str]) -> Worker:
    """Begin to revoke and reseal, and kill that at its begin or in the middle. Return the interrupted operation."""
    with Worker("recaller", target, ids=ids, secret=SECRET) as worker:
        worker.wait_for(random.choice(("opens", "revoked", "resealed")))
        time.sleep(random.uniform(0, 0.1))
        worker.kill()
    return worker


@pytest.mark.parametrize("kills", LENGTHS)
@pytest.mark.parametrize("blobs", BLOBS)
async def test_a_killed_recall_holds(tmp_path: Path, kills: int, blobs: str) -> None:
    """Each image has at least the epoch and the token that were told last, opens, and has its proofs revoked or not."""
    target = f"{tmp_path / 'pixstore.db'}{blobs.format(tmp_path)}"
    images = [picture(seed=number, size=16) for number in range(IMAGES)]
    async with Pixstore(store_of(target), secret=SECRET) as pix:
        ids = [(await pix.save_image(image)).id for image in images]
    epochs, tokens = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)
    for _ in range(kills):
        worker = kill_one(target, ids)
        for image_id, epoch in worker.told("revoked"):
            epochs[image_id] = max(epoch, epochs[image_id])
        for image_id, token in worker.told("resealed"):
            tokens[image_id] = max(token, tokens[image_id])
        async with Pixstore(store_of(target), secret=SECRET) as pix:
            for image_id, image in zip(ids, images, strict=True):
                record = await pix.get_image_record(image_id)
                assert record is not None
                assert record.token >= tokens[image_id]
                stored = await parts_of(pix).store.get(image_id)
                assert stored is not None
                assert stored.epoch >= epochs[image_id]
                await check_opens(pix, record, image)


async def check_opens(pix: Pixstore, record: ImageRecord, image: bytes) -> None:
    found = await pix.read_image(record.id)
    assert found is not None
    assert found.data == image
    async with await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof) as payload:
        assert payload.state == 0
