"""The recipe with SQLAlchemy's transaction, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pixstore_asgi.errors import InvalidImage
from tests.docs.conftest import RunSnippet
from tests.support.postgres import Cluster
from tests.support.recipes import OTHER_BLOCKS
from tests.support.samples import SECRET, picture


@pytest.fixture
async def names(
    run_snippet: RunSnippet, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, Any]]:
    """The recipe's definitions, with its database and its lifespan begun."""
    snippet = OTHER_BLOCKS["sqlalchemy-transaction"]
    url = postgres.create("recipe").replace("postgresql:", "postgresql+asyncpg:")
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    defined = run_snippet(snippet.replace("postgresql+asyncpg://app@127.0.0.1/app", url))
    async with defined["lifespan"](None):
        yield defined
    postgres.run("DROP DATABASE recipe WITH (FORCE)")


async def test_a_post_and_its_picture_come_together(names: dict[str, Any], postgres: Cluster) -> None:
    """A post is there with its picture, or neither is."""
    post, record = await names["add_post"]("hello", picture())
    with pytest.raises(InvalidImage):
        await names["add_post"]("never", b"no image")
    assert postgres.run("SELECT text, picture FROM post", "recipe") == f"hello|{record.id}"
    read = await names["pix"].read_image(post.picture)
    assert read is not None
    assert read.data == picture()
