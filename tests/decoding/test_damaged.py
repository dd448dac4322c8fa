"""Random damage: a damaged picture is decoded or raises InvalidImage."""

import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixstore_asgi.decoding import Decoded, Decoder, Variant
from pixstore_asgi.decoding.task import Refusal
from pixstore_asgi.errors import InvalidImage
from tests.decoding.conftest import MakeDecoder
from tests.decoding.made import FORMATS, encoded, photo, quarters, said, task
from tests.decoding.processes import fork_servers

pytestmark = pytest.mark.slow

WHOLE = {kind: photo(160, 120, kind) for kind in FORMATS}
ANIMATED = {
    kind: encoded(quarters(), kind, save_all=True, append_images=[quarters().rotate(90), quarters().rotate(45)])
    for kind in ("png", "webp", "gif", "avif")
}
PICTURES = [*WHOLE.items(), *ANIMATED.items()]
EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8)


def damaged(data: bytes, edits: list[tuple[float, int]], cut: float) -> bytes:
    flipped = bytearray(data)
    for place, bits in edits:
        flipped[int(place * len(data))] ^= bits
    return bytes(flipped[: int(len(data) * cut)])


@given(st.sampled_from(PICTURES), EDITS, st.just(1.0) | st.floats(0, 1))
@settings(max_examples=150)
@pytest.mark.filterwarnings("ignore")
def test_damage_is_found_or_harmless(picture: tuple[str, bytes], edits: list[tuple[float, int]], cut: float) -> None:
    """A picture with flipped or cut bytes decodes or is refused, and a decoded picture has the size in its header."""
    kind, data = picture
    outcome = said(damaged(data, edits, cut), kind, task(Variant("v", 30), placeholder=True, max_pixels=1_000_000))
    assert isinstance(outcome, Decoded | Refusal)
    if isinstance(outcome, Decoded):
        made = outcome.variants["v"]
        assert (made.width, made.height) == Variant("v", 30).size_of(outcome.width, outcome.height)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
async def test_damage_raises_nothing_but_invalid_image(make_decoder: MakeDecoder) -> None:
    """Through the processes too, 150 damaged pictures raise only InvalidImage, and one fork server serves them all."""
    decoder: Decoder = make_decoder([Variant("v", 30)], placeholder=True, max_pixels=1_000_000)
    source = random.Random(7)
    before: list[int] = []
    refused = 0
    for _ in range(150):
        kind, data = source.choice(PICTURES)
        edits = [(source.random(), source.randrange(1, 256)) for _ in range(source.randrange(1, 6))]
        try:
            await decoder.decode([damaged(data, edits, source.choice([1, source.random()]))], kind)
        except InvalidImage:
            refused += 1
        before = before or fork_servers()
    assert fork_servers() == before
    assert 75 < refused < 150
