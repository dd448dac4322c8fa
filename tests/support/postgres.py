"""A real PostgreSQL for tests: a throw-away cluster on a free port of 127.0.0.1, ended with the tests."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import free_port
from tests.support.tools import go_without

USER = "pixstore"
PASSWORD = "not-a-secret-of-anybodys"
OWNER = "postgres" if os.geteuid() == 0 else None
"""Whom PostgreSQL and pgbouncer run as: they refuse to be root."""

_PACKAGE = "postgresql"


@dataclass
class Cluster:
    """A cluster; `start` and `stop` may come in turn, as often as a test likes."""

    binaries: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", *, password: str = PASSWORD, port: int | None = None) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "data"], stdout=log, stderr=log, user=OWNER
            )
        ready = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + 30
        while subprocess.run(ready, check=False).returncode:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends all connections, SIGQUIT at once and without a checkpoint."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def create(self, database: str) -> str:
        """Make an empty database and return its URL."""
        self.run(f"CREATE DATABASE {database}")
        return self.url(database)

    def run(self, statement: str, database: str = "postgres") -> str:
        """Run a statement and return what psql prints of its rows."""
        command = [str(self.binaries / "psql"), self.url(database), "-v", "ON_ERROR_STOP=1", "-qAtc", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run a new cluster until the block ends. Skips the test where PostgreSQL is missing."""
    cluster = Cluster(_binaries(), Path(tempfile.mkdtemp(prefix="pixstore-pg-")), free_port())
    try:
        _make(cluster)
        cluster.start()
        yield cluster
    finally:
        cluster.stop(signal.SIGQUIT)
        shutil.rmtree(cluster.folder, ignore_errors=True)


def _make(cluster: Cluster) -> None:
    password = cluster.folder / "password"
    password.write_text(PASSWORD)
    if OWNER:
        for path in (cluster.folder, password):
            shutil.chown(path, OWNER)
    options = ["-A", "scram-sha-256", "--no-sync", "--no-instructions", "--locale=C", "--encoding=UTF8"]
    subprocess.run(
        [cluster.binaries / "initdb", "-D", cluster.folder / "data", "-U", USER, "--pwfile", password, *options],
        check=True,
        stdout=subprocess.DEVNULL,
        user=OWNER,
    )
    settings = {
        "port": cluster.port,
        "listen_addresses": "'127.0.0.1'",
        "unix_socket_directories": "''",
        "fsync": "off",
    }
    with (cluster.folder / "data" / "postgresql.conf").open("a") as conf:
        conf.writelines(f"{name} = {value}\n" for name, value in settings.items())


def _binaries() -> Path:
    """Return the folder of the newest PostgreSQL's programs, which Debian keeps off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        go_without(f"initdb is missing: install the package {_PACKAGE}")
    return (found[-1] if found else Path(str(on_path))).parent
