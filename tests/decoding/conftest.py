"""Decoders that end with their test."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pixstore_asgi.decoding import Decoder
from tests.decoding.processes import descendants, wait_until

MakeDecoder = Callable[..., Decoder]


@pytest.fixture
async def make_decoder() -> AsyncIterator[MakeDecoder]:
    """Makes decoders, which are closed in the end; of their processes none may then be left."""
    made: list[Decoder] = []

    def make(*args: Any, **options: Any) -> Decoder:
        made.append(Decoder(*args, **options))
        return made[-1]

    yield make
    for decoder in made:
        await decoder.close()
    wait_until(lambda: not descendants())
