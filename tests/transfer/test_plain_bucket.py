"""`pixstore-asgi import s3`: plain pictures of a real bucket, and buckets that can't be read."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote

import httpx
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi.cli.commands import commands
from pixstore_asgi.transfer import plain_image_id
from tests.support.s3 import ACCESS_KEY, BUCKET, S3Server
from tests.support.samples import SECRET, picture
from tests.support.servers import free_port
from tests.transfer.test_plain_import import rows_of, stored, write
from tests.transfer.test_plain_import import run as run_files

PREFIX = "plain-import"
NAMES = ["ada.png", "avatars/bob.jpeg", "avatars/grüße, ünd 100%+.webp"]


def put(s3: S3Server, name: str, data: bytes) -> None:
    httpx.put(f"http://127.0.0.1:{s3.filer_port}/buckets/{BUCKET}/{PREFIX}/{name}", content=data).raise_for_status()


def run(url: str, into: Path, *more: str) -> Result:
    return CliRunner().invoke(
        commands, ["import", "s3", url, "--into", str(into), *more], env={"PIXSTORE_SECRET": SECRET}
    )


@pytest.mark.servers
def test_a_bucket_is_imported_and_compared_again(s3: S3Server, tmp_path: Path) -> None:
    """Each object is saved under the id that a folder with its name gives, and a second run skips it. An object that
    is no picture, too long or missing is reported.
    """
    database, report, table = tmp_path / "ours.db", tmp_path / "report.csv", tmp_path / "list.csv"
    for number, name in enumerate(NAMES):
        data = picture(name.rpartition(".")[2], seed=number)
        put(s3, name.replace("%", "%25"), data)
        write(tmp_path / "media" / name, data)
    put(s3, "notes.txt", b"no picture, only notes")
    put(s3, "long.png", bytes(200_000))
    arguments = (s3.url(PREFIX), database, "--report", str(report), "--max-image-bytes", "100000")
    dry = run(*arguments, "--dry-run")
    assert dry.stdout.startswith("3 images would be imported")
    assert not database.exists()
    for moved in (3, 0):
        result = run(*arguments)
        assert (result.exit_code, result.stderr) == (1, "")
        assert result.stdout.startswith(f"{moved} images imported")
        found = rows_of(report)
        assert "not an image" in found.pop("notes.txt")[1]
        assert "max_image_bytes" in found.pop("long.png")[1]
        assert found == {name: (plain_image_id(name), "") for name in NAMES}
    assert run_files(tmp_path / "media").stdout.splitlines()[1] == "3 images skipped, there already"
    assert len(stored(database)) == 3
    table.write_text("path,id\nada.png,one\ngone.png,two\n../plain-import/ada.png,three\n")
    result = run(*arguments, "--csv", str(table))
    assert result.stdout.startswith("1 image imported")
    assert "no such object: it is only" in rows_of(report)["gone.png"][1]


@pytest.mark.servers
def test_a_bucket_that_refuses_is_one_line(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong credentials and a bucket that does not exist are one line without a secret, and no target is made."""
    no_bucket = run(s3.url(PREFIX, bucket="no-such-bucket"), tmp_path / "ours.db")
    assert (no_bucket.exit_code, "bucket no-such-bucket does not exist" in no_bucket.stderr) == (1, True)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-key")
    refused = run(s3.url(PREFIX), tmp_path / "ours.db")
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "AWS_SECRET_ACCESS_KEY is not the one of AWS_ACCESS_KEY_ID" in refused.stderr
    assert "a-wrong-key" not in refused.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["", "bucket/prefix", "/var/media", "https://host/x", f"s3://{ACCESS_KEY}:hidden@b/p", "s3://b/../p"]
)
def test_a_url_that_is_none_is_a_wrong_use(tmp_path: Path, url: str) -> None:
    """A URL that names no bucket is a usage error with the right form, and shows no credential."""
    result = run(url, tmp_path / "ours.db")
    assert result.exit_code == 2
    assert "s3://bucket/prefix" in result.stderr
    assert "hidden" not in result.stderr


class _Listing(BaseHTTPRequestHandler):
    """A server whose listing has the key that the path of the endpoint ends with, and no objects."""

    def do_GET(self) -> None:
        key = unquote(self.path).partition("?")[0].split("/", 3)[1]
        entry = f"<Contents><Key>p/{key.replace('|', '/').removeprefix('mark')}</Key><Size>0</Size>"
        entry += "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        is_listing = "list-type=2" in self.path
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entry}</ListBucketResult>" if is_listing else ""
        self.send_response(200 if is_listing else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.mark.parametrize(
    ("key", "code", "shown"),
    [
        ("|double.png", 1, "a key below the prefix has an empty part"),
        ("a|..|b.png", 1, "a key below the prefix has an empty part"),
        ("folder|", 1, "the mark of a folder"),
        ("mark", 0, "0 images imported"),
    ],
)
def test_keys_that_are_no_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, code: int, shown: str
) -> None:
    """A key with an empty part or .. ends the listing with advice; the mark of a folder is no picture."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Listing) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        result = run(f"s3://b/p?endpoint=http://127.0.0.1:{server.server_port}/{quote(key)}", tmp_path / "ours.db")
        server.shutdown()
        thread.join()
    assert (result.exit_code, shown in result.output + result.stderr) == (code, True), result.output


def test_a_bucket_that_is_away_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server the reason and the advice are one line."""
    monkeypatch.setattr("pixstore_asgi.transfer.plain_bucket._PATIENCE_S", 0.5)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    result = run(f"s3://b/p?endpoint=http://127.0.0.1:{free_port()}", tmp_path / "ours.db")
    assert (result.exit_code, "can't be reached" in result.stderr) == (1, True)
    assert os.listdir(tmp_path) == []
