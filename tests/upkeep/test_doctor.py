"""The findings of `doctor`, one problem at a time, and its advice."""

import asyncio
import contextlib
import errno
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import NamedTuple, NoReturn

import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.decoding.sandbox import Sandbox
from pixstore_asgi.errors import StoreDamaged
from pixstore_asgi.upkeep import doctor, probe
from tests.demo.process import running
from tests.support.nginx import make_certificate
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture
from tests.support.stores import new_place

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["Landlock 7", "seccomp"], "pictures are decoded under Landlock 7 and seccomp"),
        (["seccomp"], "pictures are decoded under seccomp"),
        ([], "this kernel has no Landlock and no seccomp: a decoder that is taken over acts as the application's user"),
    ],
)
def test_what_confines_decoders_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], says: str
) -> None:
    """The line names the abilities of this kernel, and is no failure: not every application decodes pictures."""
    monkeypatch.setattr(Sandbox, "names", names)
    assert f"ok    decoding: {says}" in run(path).output.splitlines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with an image."""
    asyncio.run(save(tmp_path / "pixstore.db", SECRET))
    return tmp_path / "pixstore.db"


async def save(database: Path | str, *secrets: str, blobs: str | None = None) -> None:
    async with Pixstore(database, secret=list(secrets) or None, blobs=blobs) as pix:
        await pix.save_image(picture())


async def save_long(database: Path, bodies: Path) -> None:
    async with Pixstore(database, secret=SECRET, blobs=str(bodies)) as pix:
        await pix.save_image(large_png(1_500_000))


def run(database: object, *options: str, secret: str | None = SECRET) -> Result:
    arguments = ["doctor", "--database", str(database), *options]
    return CliRunner().invoke(commands, arguments, env={"PIXSTORE_SECRET": secret})


def found(database: object, *options: str, secret: str | None = SECRET) -> dict[str, tuple[str, str]]:
    """Return the problems: their subject, their text, and the advice."""
    result = run(database, "--json", *options, secret=secret)
    findings = [doctor.Finding(**each) for each in json.loads(result.stdout)]
    bad = {finding.about: (finding.says, finding.remedy) for finding in findings if finding.remedy}
    assert result.exit_code == (1 if bad else 0)
    return bad


def test_what_is_well(path: Path) -> None:
    """A line for each thing that was looked at, and exit code 0."""
    result = run(path)
    assert result.exit_code == 0, result.output
    looked_at = [line.partition(":")[0].split(maxsplit=1) for line in result.output.splitlines()]
    assert looked_at == [
        ["ok", about] for about in ("secret", "engine", "file", "disk", "file system", "decoding", "bodies")
    ]


def test_a_secret_that_is_missing_or_another(path: Path) -> None:
    """Without a secret, or with another store's, the finding says where one is to be."""
    assert found(path, secret=None)["secret"][1] == "set PIXSTORE_SECRET to the application's secret"
    says, remedy = found(path, secret=OTHER_SECRET)["secret"]
    assert says == "PIXSTORE_SECRET is refused"
    assert "secret" in remedy


def test_an_older_secret_in_use(path: Path) -> None:
    """Keys under a secret that is to go are counted."""
    asyncio.run(save(path, SECRET, OTHER_SECRET))
    says, remedy = found(path, secret=f"{SECRET} {OTHER_SECRET}")["secret"]
    assert says == "PIXSTORE_SECRET; keys under an older one: 1"
    assert "keys rewrap" in remedy


def test_files_that_others_may_read(tmp_path: Path) -> None:
    """The mode of the database and of its key file."""
    path = tmp_path / "own.db"
    asyncio.run(save(path))
    assert found(path, secret=None) == {}
    path.chmod(0o640)
    says, remedy = found(path, secret=None)["file"]
    assert (says.endswith("has mode 0640"), remedy) == (True, f"chmod 600 {path}")


def test_a_database_with_two_names(path: Path) -> None:
    """A hard link to the database is a finding that says to remove the other names, and the command that lists them."""
    path.with_name("other.db").hardlink_to(path)
    says, remedy = found(path)["store"]
    assert says == "can't be read"
    command = re.search(r"remove the others, which `(find \S+ -xdev -samefile \S+)` lists", remedy)
    assert command is not None
    folder = shlex.split(command[1])[1]
    assert Path(folder).is_mount()
    assert path.is_relative_to(folder)
    assert path.stat().st_dev == os.stat(folder).st_dev


class Usage(NamedTuple):
    """The sizes of a disk, as shutil returns them."""

    total: int
    used: int
    free: int


def test_a_disk_that_is_full_or_a_networks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room, and a file system without working locks, both simulated."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, (1 << 40) - 1000, 1000))
    monkeypatch.setattr(doctor, "file_system_of", lambda _: "nfs4")
    bad = found(path)
    assert bad["disk"][1] == "make room: a full disk refuses every save"
    assert bad["file system"][1].startswith("move the database to a local disk")


@pytest.mark.slow
def test_a_clock_of_its_own(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's version is told, and a clock that is apart from this one."""
    place = new_place("postgres", tmp_path, request)
    asyncio.run(save(place.database, SECRET))
    assert found(place.database) == {}
    now = time.time()
    monkeypatch.setattr(doctor, "time", lambda: now + 60)
    says, remedy = found(place.database)["engine"]
    assert says.startswith("PostgreSQL 1")
    assert "by NTP" in remedy


@pytest.mark.slow
def test_a_bucket_that_is_not_named(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where bodies are in a bucket, it wants to be told of it."""
    place = new_place("sqlite+s3", tmp_path, request)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    asyncio.run(save(place.database, SECRET, blobs=place.blobs))
    assert found(place.database, "--blobs", str(place.blobs)) == {}
    assert found(place.database)["bodies"] == (
        "can't be read",
        f"the store {place.database} has bodies outside its database: "
        "pass --blobs with the bucket or folder that has them",
    )


def test_a_folder_of_bodies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mode, owner, free space and file system are checked beside those of the database."""
    bodies, database = tmp_path / "bodies", tmp_path / "pixstore.db"
    asyncio.run(save(database, SECRET, blobs=str(bodies)))
    lines = run(database, "--blobs", str(bodies)).output.splitlines()
    assert f"ok    bodies: new ones above 1 MiB go to {bodies}" in lines
    assert f"ok    folder: {bodies} has mode 0700" in lines
    assert sum(line.startswith("ok    disk: ") for line in lines) == 2
    bodies.chmod(0o755)
    assert found(database, "--blobs", str(bodies))["folder"] == (f"{bodies} has mode 0755", f"chmod 700 {bodies}")
    bodies.chmod(0o700)
    (bodies / "parts").chmod(0o750)
    assert found(database, "--blobs", str(bodies))["folder"] == (
        f"{bodies / 'parts'} has mode 0750",
        f"chmod -R u=rwX,go= {bodies}",
    )
    (bodies / "parts").chmod(0o500)
    assert found(database, "--blobs", str(bodies))["folder"][0] == f"{bodies / 'parts'} has mode 0500"
    (bodies / "parts").chmod(0o700)
    (bodies / "ab").rmdir()
    (bodies / "ab").symlink_to("/proc")
    assert found(database, "--blobs", str(bodies))["bodies"] == (
        "can't be read",
        f"{bodies / 'ab'} is no folder, or a link: replace it with a folder",
    )
    (bodies / "ab").unlink()
    kinds = {tmp_path: "ext4", bodies: "nfs4"}
    monkeypatch.setattr(doctor, "file_system_of", lambda folder: kinds[folder])
    assert found(database, "--blobs", str(bodies))["file system"] == (
        f"nfs4 at {bodies}",
        "move the folder of bodies to a local disk: locks and syncs are not reliable on a network file system",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_folder_of_another_user(tmp_path: Path) -> None:
    """A part of the folder that root has restored is named, because the application can't read it."""
    bodies, database = tmp_path / "bodies", tmp_path / "pixstore.db"
    asyncio.run(save(database, SECRET, blobs=str(bodies)))
    os.chown(bodies / "parts", 1234, -1)
    assert found(database, "--blobs", str(bodies))["folder"] == (
        f"{bodies / 'parts'} belongs to user 1234, and the database to user 0",
        f"give both to the application's user: chown -R USER {bodies} {database}*",
    )


ROOM = ("f_bavail", "f_blocks", "f_bfree", "f_frsize")


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that was mounted read-only is named as such, and so is each other reason to refuse a new file."""
    bodies, database = tmp_path / "bodies", tmp_path / "pixstore.db"
    asyncio.run(save(database, SECRET, blobs=str(bodies)))
    found_room = os.statvfs(bodies)
    read_only = SimpleNamespace(f_flag=os.ST_RDONLY, **{name: getattr(found_room, name) for name in ROOM})
    monkeypatch.setattr(os, "statvfs", lambda _: read_only)
    assert found(database, "--blobs", str(bodies))["folder"] == (
        f"{bodies} has mode 0700",
        "mount its file system writable: it is read-only, perhaps after an error of the disk",
    )
    monkeypatch.undo()

    def full(**_: object) -> NoReturn:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(doctor, "TemporaryFile", full)
    assert found(database, "--blobs", str(bodies))["folder"] == (
        f"no file can be made in {bodies / 'parts'} (Disk quota exceeded)",
        "let the application's user write there: each save makes a file in it",
    )


def test_a_folder_without_files(tmp_path: Path) -> None:
    """A folder that was restored without the files of the bodies is named before the first reader meets it."""
    bodies, database = tmp_path / "bodies", tmp_path / "pixstore.db"
    asyncio.run(save_long(database, bodies))
    for file in bodies.glob("??/*"):
        file.unlink()
    says, remedy = found(database, "--blobs", str(bodies))["bodies"]
    assert says == "none of those that were looked up is there"
    assert f"no current body was found in {bodies} (1 looked for)" in remedy
    assert "run `pixstore-asgi verify`, and restore the missing bodies" in remedy


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    """The folder is the only finding: the secret, the database and its disk are checked too."""
    bodies, database = tmp_path / "bodies", tmp_path / "pixstore.db"
    asyncio.run(save_long(database, bodies))
    bodies.rename(tmp_path / "moved")
    bad = found(database, "--blobs", str(bodies))
    assert bad.keys() == {"bodies"}
    assert f"the folder {bodies} " in bad["bodies"][1]


@pytest.mark.slow
def test_a_mount_that_is_well(path: Path) -> None:
    """All that is asked of a server over HTTP is as it should be."""
    with running("serve", "--database", str(path), "--port", "0", secret=SECRET) as server:
        url = server.url
        assert found(path, "--url", url) == {}
        lines = run(path, "--url", url).output.splitlines()[-6:]
    looked_at = [line.partition(":")[0].split(maxsplit=1)[1] for line in lines]
    assert looked_at == ["HTTPS", "mount", "caching", "compression", "CORS", "clock"]
    assert found(path, "--url", url)["mount"][0].startswith("nothing answers at ")


def test_a_certificate_that_is_not_trusted(path: Path, tmp_path: Path) -> None:
    """An untrusted certificate is named as such: the server runs, so the remedy is not to start it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    make_certificate(tmp_path)
    context.load_cert_chain(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever).start()
        try:
            problem, remedy = found(path, "--url", f"https://127.0.0.1:{server.server_port}")["mount"]
        finally:
            server.shutdown()
    assert "is not trusted" in problem
    assert remedy == "renew it, or trust its issuer on this machine"


@contextmanager
def answering(headers: dict[str, str]) -> Iterator[str]:
    """Run a server that answers everything so, as a proxy may; its URL."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("date", ["yesterday", f"Fri, 31 Dec {'9' * 20} 23:59:59 GMT"])
def test_a_date_that_is_none(date: str) -> None:
    """With any value of Date, the rest of the mount is checked."""
    headers = Message()
    headers["date"] = date
    assert probe._clock(headers) == ("clock", "an invalid Date", "")


def test_a_proxy_that_changes_things(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that may be kept, one that is compressed, a clock that is apart, a failure behind it."""
    monkeypatch.setattr(probe, "time", lambda: 0.0)
    changed = {"x-pixstore-state": "NotFound", "cache-control": "max-age=60", "content-encoding": "gzip"}
    with answering(changed) as url:
        assert found(path, "--url", url).keys() == {"caching", "compression", "clock"}
    with answering({"x-pixstore-state": "InternalError", "date": "yesterday"}) as url:
        assert found(path, "--url", url)["mount"] == ("answers InternalError", "the application's log has the reason")
    with answering({}) as url:
        assert found(path, "--url", url)["mount"][0].endswith("from something else")


def test_an_answer_that_trickles(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes byte by byte is not waited for, as none is."""
    monkeypatch.setattr(probe, "_PATIENCE_S", 0.5)
    is_over = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nx-long: ")
                while not is_over.wait(0.1):
                    connection.sendall(b"x")

        Thread(target=trickle, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert found(path, "--url", url)["mount"][0] == f"nothing answers at {url}: no whole answer within 0.5 s"
        is_over.set()


def test_an_address_without_https(path: Path) -> None:
    """An address elsewhere than on this machine is to be https."""
    (finding, *_) = probe.examine_mount("http://pictures.invalid/x")
    assert finding.remedy == "browsers decrypt only over HTTPS: give it a certificate"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "https://user:hunter2@host/x", "http://[bad", "http://host/x?y", "http://a b/"]
)
def test_an_address_that_is_none(path: Path, url: str) -> None:
    """An address that is not plain is refused, and not repeated."""
    result = run(path, "--url", url)
    assert result.exit_code == 2
    assert url not in result.output


def test_what_was_found_before_an_error_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a later look fails, the findings of those before are told too."""

    async def fails(store: object) -> None:
        raise StoreDamaged("a page is damaged")

    monkeypatch.setattr(doctor, "_engine", fails)
    findings = json.loads(run(path, "--json").stdout)
    assert [finding["about"] for finding in findings] == ["secret", "store"]


def test_a_store_that_is_away(tmp_path: Path) -> None:
    """A store that can't be opened is a finding, and the rest is checked too."""
    (tmp_path / "no.db").write_bytes(b"no database" * 100)
    bad = found(tmp_path / "no.db", "--url", "http://127.0.0.1:9")
    assert bad.keys() == {"store", "mount"}
