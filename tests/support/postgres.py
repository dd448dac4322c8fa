"""A real PostgreSQL for tests: a temporary cluster on a free port of 127.0.0.1, which ends with the tests."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.support.servers import free_port
from tests.support.tools import go_without

USER = "pixstore"
PASSWORD = "not-a-secret-of-anybodys"
OWNER = "postgres" if os.geteuid() == 0 else None
"""The user of PostgreSQL and pgbouncer, because they refuse to run as root."""

_PACKAGE = "postgresql"
_EMPTY = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    DO $$
    DECLARE
        made name;
    BEGIN
        FOR made IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', made);
        END LOOP;
    END $$;
    CREATE SCHEMA public;
"""


@dataclass
class Cluster:
    """A cluster; `start` and `stop` may come in turn, as often as a test likes."""

    binaries: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    _spare: list[str] = field(default_factory=list)
    _lent: int = 0

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

    def end_replication(self, primary: "Cluster") -> None:
        """Give a standby all that its primary has written so far, and nothing after that."""
        written = primary.run("SELECT pg_current_wal_lsn()")
        self.wait_for(f"SELECT pg_last_wal_replay_lsn() >= '{written}'")
        self.run("ALTER SYSTEM SET primary_conninfo = ''")
        self.run("SELECT pg_reload_conf()")
        self.wait_for("SELECT count(*) = 0 FROM pg_stat_wal_receiver")

    def promote(self) -> None:
        """Make a primary of a standby."""
        assert self.run("SELECT pg_promote()") == "t"

    def wait_for(self, question: str) -> None:
        """Ask a question until its answer is true."""
        deadline = time.monotonic() + 30
        while self.run(question) != "t":
            assert time.monotonic() < deadline, question
            time.sleep(0.02)

    def create(self, database: str) -> str:
        """Make an empty database and return its URL."""
        self.run(f"CREATE DATABASE {database}")
        return self.url(database)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lend the URL of an empty database, and empty it after the block: a new one takes 0.1 s of processor time."""
        if not self._spare:
            self._lent += 1
            self.create(f"lent_{self._lent}")
            self._spare.append(f"lent_{self._lent}")
        database = self._spare.pop()
        yield self.url(database)
        self.run(_EMPTY, database)
        self._spare.append(database)

    def run(self, statement: str, database: str = "postgres") -> str:
        """Run a statement and return its rows as psql prints them."""
        command = [str(self.binaries / "psql"), self.url(database), "-v", "ON_ERROR_STOP=1", "-qAtc", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run a new cluster until the block ends. Skips the test where PostgreSQL is missing."""
    with _running(_make) as cluster:
        yield cluster


@contextmanager
def running_standby(primary: Cluster) -> Iterator[Cluster]:
    """Run a standby that streams from a cluster, until the block ends."""
    with _running(partial(_make_standby, primary)) as standby:
        primary.wait_for("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
        yield standby


@contextmanager
def _running(make: Callable[[Cluster], None]) -> Iterator[Cluster]:
    cluster = Cluster(_binaries(), Path(tempfile.mkdtemp(prefix="pixstore-pg-")), free_port())
    try:
        if OWNER:
            shutil.chown(cluster.folder, OWNER)
        make(cluster)
        cluster.start()
        yield cluster
    finally:
        cluster.stop(signal.SIGQUIT)
        shutil.rmtree(cluster.folder, ignore_errors=True)


def _make(cluster: Cluster) -> None:
    password = cluster.folder / "password"
    password.write_text(PASSWORD)
    if OWNER:
        shutil.chown(password, OWNER)
    options = ["-A", "scram-sha-256", "--no-sync", "--no-instructions", "--locale=C", "--encoding=UTF8"]
    subprocess.run(
        [cluster.binaries / "initdb", "-D", cluster.folder / "data", "-U", USER, "--pwfile", password, *options],
        check=True,
        stdout=subprocess.DEVNULL,
        user=OWNER,
    )
    _set(cluster, port=cluster.port, listen_addresses="'127.0.0.1'", unix_socket_directories="''", fsync="off")


def _make_standby(primary: Cluster, standby: Cluster) -> None:
    command: list[str | Path] = [primary.binaries / "pg_basebackup", "-d", primary.url(), "-D", standby.folder / "data"]
    subprocess.run([*command, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"], check=True, user=OWNER)
    _set(standby, port=standby.port)


def _set(cluster: Cluster, **settings: object) -> None:
    with (cluster.folder / "data" / "postgresql.conf").open("a") as conf:
        conf.writelines(f"{name} = {value}\n" for name, value in settings.items())


def _binaries() -> Path:
    """Return the folder of the newest PostgreSQL's programs, which Debian keeps off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        go_without(f"initdb is missing: install the package {_PACKAGE}")
    return (found[-1] if found else Path(str(on_path))).parent
