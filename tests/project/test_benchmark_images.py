"""The images and databases of the benchmarks, and the check of their payloads."""

import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.big_database import IMAGE_BYTES, make
from benchmarks.own_images import OwnImages, check_payload
from benchmarks.pictures import PICTURES, jpeg, png
from pixstore_asgi import Pixstore, WireState
from pixstore_asgi.core.formats import sniff
from pixstore_asgi.errors import IntegrityError

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")]


def test_a_payload_is_checked_by_decrypting_it(tmp_path: Path) -> None:
    """A refusal, the payload of another image and a changed byte are detected."""
    with OwnImages(tmp_path / "pixstore.db") as images:
        images.save((1000, 2000))
        record, payload = images.record(1000), images.payload(1000)
        check_payload(payload, record, png(1000))
        changed = payload[:-1] + bytes((payload[-1] ^ 1,))
        for wrong in (bytes((WireState.INVALID_PROOF,)), images.payload(2000), changed):
            with pytest.raises((ValueError, IntegrityError), match=r"wire state|authentication"):
                check_payload(wrong, record, png(1000))


@pytest.mark.parametrize(
    ("kind", "size"),
    [("png", 100), ("png", 1000), ("png", 30_000), ("jpeg", 30_000), ("jpeg", 370_000), ("jpeg", 3_800_000)],
)
def test_pictures_have_their_size(kind: str, size: int) -> None:
    """The measured images are complete, decode, and have exactly the requested size."""
    picture = PICTURES[kind](size)
    assert len(picture) == size
    reader = sniff(picture[:12], frozenset({kind}))
    list(reader.feed(picture))
    reader.finish()
    with Image.open(io.BytesIO(picture), formats=[kind]) as decoded:
        decoded.load()


def test_most_of_a_jpeg_is_its_scan() -> None:
    """A measured JPEG is like a camera's: few comments, and 0xFF in its scan every few hundred bytes."""
    picture = jpeg(3_800_000)
    assert picture.index(b"\xff\xda") < 500_000
    assert picture.count(b"\xff\x00") > 5_000


async def test_a_big_database_is_the_packages_own(tmp_path: Path) -> None:
    """Each image inserted by plain SQL opens by the package, which can save further ones."""
    database = await make(tmp_path / "big.db", 50)
    async with Pixstore(database.path, secret=database.secret) as pix:
        records = await pix.get_image_records(database.ids)
        assert len(records) == len(set(database.ids)) == 50
        for record in records.values():
            payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
            check_payload(b"".join([piece async for piece in payload]), record, png(IMAGE_BYTES))
        saved = await pix.save_image(png(1000))
        assert await pix.image_exists(saved.id)
