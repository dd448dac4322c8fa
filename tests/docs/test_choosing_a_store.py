"""choosing-a-store.md: its application under each of its command lines, on a real PostgreSQL and a real bucket."""

import asyncio
import contextlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.cli.commands import commands
from tests.support.nginx import before_hosts, running_nginx
from tests.support.pages import application_of
from tests.support.paths import DOCS, ROOT
from tests.support.postgres import Cluster, running_cluster
from tests.support.recipes import image_in, sent
from tests.support.s3 import S3Server
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import Server, running
from tests.support.tools import require

pytestmark = pytest.mark.servers

LARGE = large_png(1_500_000)
PAGE = (DOCS / "choosing-a-store.md").read_text()
APPLICATION = application_of("choosing-a-store.md")
COMMANDS = dict(re.findall(r"### ([^\n]+)\n(?:(?!###).)*?```sh\n(?:export [^\n]+\n)?([^\n]+)\n```", PAGE, re.DOTALL))


@pytest.fixture
def database(postgres: Cluster) -> Iterator[str]:
    """The URL of an empty database."""
    yield postgres.create("choosing")
    postgres.run("DROP DATABASE choosing WITH (FORCE)")


def setting(command: str, database: str, bucket: str) -> dict[str, str]:
    """Return the environment that a command line sets, with this test's servers in place of the page's."""
    found = {name: value.strip("'") for name, value in re.findall(r"\b([A-Z]+)=(\S+)", command)}
    servers = {"postgresql://app@db.example/app": database, "s3://pictures/app?endpoint=https://s3.example": bucket}
    return {name: servers.get(value, value) for name, value in found.items()}


@contextlib.contextmanager
def host(folder: Path, environment: dict[str, str], *, workers: int = 2) -> Iterator[Server]:
    """Run the page's application, as one host would."""
    folder.mkdir()
    (folder / "app.py").write_text(APPLICATION)
    variables = {**environment, "PIXSTORE_SECRET": SECRET, "PYTHONPATH": f"{folder}:{ROOT}"}
    with running("uvicorn", "app:app", folder, cwd=folder, environment=variables, workers=workers) as served:
        yield served


def saved(http: httpx.Client, image: bytes) -> ImageRecord:
    return ImageRecord.parse(http.post("/api/pictures", content=image).raise_for_status().json())


def shown(http: httpx.Client, record: ImageRecord) -> bytes:
    return image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record)))


@pytest.mark.parametrize(
    "step", ["SQLite", "SQLite and a folder", "SQLite and a bucket", "PostgreSQL", "PostgreSQL and a bucket"]
)
def test_each_step_saves_and_serves(step: str, tmp_path: Path, database: str, s3: S3Server, postgres: Cluster) -> None:
    """The application serves the images that it saves, and row and body are in the place of the command line."""
    prefix = step.replace(" ", "-")
    environment = setting(COMMANDS[step], database, s3.url(prefix))
    assert set(environment) == ({"STORE", "BLOBS"} if " and " in step else {"STORE"})
    environment = {name: value.replace("/var/lib/pictures", str(tmp_path)) for name, value in environment.items()}
    with host(tmp_path / "host", environment) as server, httpx.Client(base_url=server.url) as http:
        record = saved(http, LARGE)
        assert shown(http, record) == LARGE
    assert len(s3.names(prefix)) == ("bucket" in step)
    assert len(list(tmp_path.glob("bodies/??/*"))) == ("folder" in step)
    if "PostgreSQL" in step:
        assert postgres.run("SELECT id FROM pixstore.image", "choosing") == record.id
        assert not (tmp_path / "host" / "pixstore.db").exists()


def test_old_bodies_come_into_a_bucket(database: str, s3: S3Server) -> None:
    """The page's copy into another schema has the images that the first one had, and their bodies in the bucket."""
    (command,) = re.findall(r"```sh\npixstore-asgi (copy [^\n]+)\n```", (DOCS / "moving-stores.md").read_text())
    bucket = s3.url("old-bodies")
    here = command.replace("postgresql://app@db.example/app", database).replace(
        "s3://pictures/pix2?endpoint=https://s3.example", bucket
    )
    record = asyncio.run(_saved_in(database))
    done = CliRunner().invoke(commands, shlex.split(here), env={"PIXSTORE_SECRET": SECRET})
    assert (done.exit_code, done.stdout.splitlines()[0].startswith("1 image copied")) == (0, True)
    assert len(s3.names("old-bodies")) == 1
    assert asyncio.run(_read_in(f"{database}?schema=pix2", bucket, record.id)) == picture()


async def _saved_in(database: str) -> ImageRecord:
    async with Pixstore(database, secret=SECRET) as pix:
        return await pix.save_image(picture())


async def _read_in(database: str, bucket: str, image_id: str) -> bytes | None:
    async with Pixstore(database, blobs=bucket, secret=SECRET) as pix:
        image = await pix.read_image(image_id)
    return image.data if image else None


def test_several_hosts_serve_what_one_has_saved(tmp_path: Path, database: str, s3: S3Server) -> None:
    """Behind the page's balancer each host serves all images, also when the other one is gone."""
    nginx_path = require("nginx", "nginx-light (Debian)", ROOT / ".venv" / "nginx" / "usr" / "sbin")
    environment = setting(COMMANDS["PostgreSQL and a bucket"], database, s3.url("hosts"))
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(host(tmp_path / name, environment)) for name in ("one", "two")]
        site = before_hosts(*(server.url.removeprefix("http://") for server in hosts))
        nginx = stack.enter_context(running_nginx(nginx_path, tmp_path / "nginx", None, site))
        http = stack.enter_context(nginx.client())
        record = saved(http, picture())
        for server in hosts:
            with httpx.Client(base_url=server.url) as directly:
                assert shown(directly, record) == picture()
        hosts[0].stop()
        assert [shown(http, record) for _ in range(6)] == [picture()] * 6
        assert shown(http, saved(http, picture(seed=1))) == picture(seed=1)


def dumped_and_restored(postgres: Cluster, database: str) -> str:
    """Dump a database as the page has it, put that into an empty one, and return its URL."""
    (options,) = re.findall(r"`pg_dump (--\S+)`", (DOCS / "backup.md").read_text())
    dumped = subprocess.run([postgres.binaries / "pg_dump", options, database], capture_output=True, check=True).stdout
    restored = postgres.create("restored")
    subprocess.run([postgres.binaries / "psql", "-q", restored], input=dumped, capture_output=True, check=True)
    return restored


async def test_a_dump_of_the_schema_is_a_backup(postgres: Cluster, database: str) -> None:
    """The page's pg_dump, restored into an empty database, opens with the same secret and has every image."""
    async with Pixstore(database, secret=SECRET) as pix:
        record = await pix.save_image(picture())
    restored = dumped_and_restored(postgres, database)
    async with Pixstore(restored, secret=SECRET) as pix:
        read = await pix.read_image(record.id)
    postgres.run("DROP DATABASE restored WITH (FORCE)")
    assert read is not None
    assert read.data == picture()


def test_while_postgresql_is_down_images_are_refused(tmp_path: Path) -> None:
    """A GET is then InternalError, also for images in memory, and an image again once the database is back."""
    with running_cluster() as cluster:
        environment = setting(COMMANDS["PostgreSQL"], cluster.url(), "")
        with contextlib.ExitStack() as stack:
            # One worker: a second one may still be starting when the database goes away.
            server = stack.enter_context(host(tmp_path / "host", environment, workers=1))
            http = stack.enter_context(httpx.Client(base_url=server.url, timeout=30))
            record = saved(http, picture())
            assert [shown(http, record) for _ in range(4)] == [picture()] * 4
            cluster.stop()
            answer = http.get(f"/pixstore-image/{record.id}", headers=sent(record))
            assert answer.headers.get("x-pixstore-state") == "InternalError", server.log
            cluster.start()
            assert shown(http, record) == picture()
