"""Commands over a database with bodies in files: their output, and the mistakes that users make with `--blobs`."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import query

LONG = large_png(1_500_000)


class Site(NamedTuple):
    """A database and the folder of its bodies. Of its images, `big:0` and `big:1` have files, `small` has none."""

    database: Path
    folder: Path

    def file_of(self, image_id: str) -> Path:
        """Return the file of an image's body."""
        ((version,),) = query(self.database, f"SELECT lower(hex(version)) FROM image WHERE id = '{image_id}'")
        return self.folder / str(version)[:2] / str(version)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    place = tmp_path_factory.mktemp("site")
    site = Site(place / "pixstore.db", place / "pictures")

    async def save() -> None:
        async with Pixstore(site.database, blobs=str(site.folder), secret=SECRET) as pix:
            await pix.import_image("small", picture(), token=1)
            for number in range(2):
                await pix.import_image(f"big:{number}", LONG, token=1)

    asyncio.run(save())
    return site


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """A site of three images, in place of each test's own."""
    shutil.copy(made.database, tmp_path / "pixstore.db")
    shutil.copytree(made.folder, tmp_path / "pictures")
    return Site(tmp_path / "pixstore.db", tmp_path / "pictures")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [*map(str, arguments)], env={"PIXSTORE_SECRET": SECRET})


def test_stats_counts_the_bodies_in_files(site: Site) -> None:
    """`stats` needs no folder: the rows have the number and the bytes of the bodies outside."""
    size = 2 * (len(LONG) + 1)
    assert (
        f"  outside the database     2 bodies, {size / 2**20:.1f} MiB\n"
        in run("stats", "--database", site.database).stdout
    )
    found = json.loads(run("stats", "--database", site.database, "--json").stdout)
    assert found["outside"] == {"bodies": 2, "bytes": size}
