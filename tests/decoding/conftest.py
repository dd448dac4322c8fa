"""Decoders that end with their test."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pixstore_asgi.decoding import Decoder
from pixstore_asgi.decoding.task import Limits
from tests.decoding.processes import descendants, wait_until

MakeDecoder = Callable[..., Decoder]


@pytest.fixture
async def make_decoder() -> AsyncIterator[MakeDecoder]:
    """Makes decoders, which are closed at the end; none of their processes may be left then. Options may be limits."""
    made: list[Decoder] = []

    def make(*args: Any, **options: Any) -> Decoder:
        limits = Limits(**{name: value for name, value in options.items() if name in Limits.__dataclass_fields__})
        others = {name: value for name, value in options.items() if name not in Limits.__dataclass_fields__}
        made.append(Decoder(*args, **others, limits=limits))
        return made[-1]

    yield make
    for decoder in made:
        await decoder.close()
    wait_until(lambda: not descendants())
