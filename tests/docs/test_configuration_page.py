"""configuration.md: its snippets, run."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, Variant
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.errors import ImageExists
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from tests.docs.conftest import RunSnippet
from tests.support.paths import DOCS
from tests.support.postgres import Cluster
from tests.support.samples import SECRET, picture

asyncpg: Any = pytest.importorskip("asyncpg")  # the real one has no types
PAGE = (DOCS / "configuration.md").read_text()


def section(heading: str) -> str:
    return PAGE.split(f"# {heading}\n")[1].split("\n## ")[0]


def test_variants_for_older_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command gives an image both variants and a placeholder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)

    async def save() -> ImageRecord:
        async with Pixstore("pixstore.db") as pix:
            return await pix.save_image(picture())

    async def record() -> ImageRecord | None:
        async with Pixstore("pixstore.db", variants=(Variant("thumb", width=320), Variant("card", width=960))) as pix:
            return await pix.get_image_record(image_id)

    image_id = asyncio.run(save()).id
    (command,) = re.findall(r"```sh\npixstore-asgi (.*)\n```", section("Pictures"))
    done = CliRunner().invoke(commands, command.split())
    assert (done.exit_code, done.stdout) == (0, "1 image completed in pixstore.db\n")
    found = asyncio.run(record())
    assert found is not None
    assert found.placeholder
    assert set(found.variants) == {"thumb", "card"}


def test_the_import_map_leads_to_the_client() -> None:
    """The address in the import map, made as a template makes it, is a file that browsers keep for a year."""
    images = PixstoreApp(Pixstore(MemoryStore(), secret=SECRET))
    (written,) = re.findall(r'"pixstore": "/pixstore-image(.*?)"', section("The client's files"))
    assert written == "{{ images.client_path() }}"
    answer = TestClient(images).get(images.client_path())
    assert answer.status_code == 200
    assert "max-age=31536000" in answer.headers["cache-control"]


async def test_an_own_id(run_snippet: RunSnippet) -> None:
    """The image of the page has the key of its row, and a second save is refused."""
    (snippet,) = re.findall(r"```python\n(.*?)```", section("Ids of your own"), re.DOTALL)
    lines = "".join(f"    {line}\n" for line in snippet.splitlines())
    save = run_snippet(f"async def save(pix, data, post):\n{lines}    return record")["save"]
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        record = await save(pix, picture(), SimpleNamespace(id=7))
        assert record.id == "posts:7"
        with pytest.raises(ImageExists):
            await save(pix, picture(), SimpleNamespace(id=7))


async def test_a_quota(run_snippet: RunSnippet) -> None:
    """The usage and the save of the page work, and a smaller limit refuses the next picture."""
    (snippet,) = re.findall(r"```python\n(.*?)```", section("Quotas"), re.DOTALL)
    lines = "".join(f"    {line}\n" for line in snippet.splitlines())
    save = run_snippet(f"async def save(pix, data):\n{lines}    return used, record")["save"]
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        used, record = await save(pix, picture())
        assert (used, await pix.image_exists(record.id)) == ((0, 0), True)
        assert await pix.usage("ada") == (1, len(picture()) + 1)


async def test_a_picture_in_a_transaction(run_snippet: RunSnippet, postgres: Cluster) -> None:
    """The picture and the row are there together."""
    (snippet,) = re.findall(r"```python\n(.*?)```", section("Your own transaction"), re.DOTALL)
    url = postgres.create("configuration")
    lines = "".join(f"    {line}\n" for line in snippet.splitlines())
    add = run_snippet(f"async def add(pool, pix, data, author):\n{lines}    return record")["add"]
    async with asyncpg.create_pool(url) as pool, Pixstore(PostgresStore(url), secret=SECRET) as pix:
        await pool.execute("CREATE TABLE post (author text, picture text)")
        record = await add(pool, pix, picture(), "Ada")
        assert await pix.image_exists(record.id)
    assert postgres.run("SELECT author, picture FROM post", "configuration") == f"Ada|{record.id}"
    postgres.run("DROP DATABASE configuration WITH (FORCE)")
