"""A real pgbouncer in transaction mode, in front of a cluster of tests.support.postgres."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.postgres import OWNER, PASSWORD, USER, Cluster
from tests.support.servers import free_port
from tests.support.tools import require

_SERVER_CONNECTIONS = 2  # fewer than clients, so that one client's transactions run in several of them


@contextmanager
def pooled(cluster: Cluster) -> Iterator[str]:
    """Run pgbouncer until the block ends; yield the URL of the cluster's database behind it."""
    program, port = require("pgbouncer", "pgbouncer", Path("/usr/sbin")), free_port()
    folder = Path(tempfile.mkdtemp(prefix="pixstore-pgbouncer-"))
    (folder / "users").write_text(f'"{USER}" "{PASSWORD}"\n')
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": folder / "users",
        "pool_mode": "transaction",
        "default_pool_size": _SERVER_CONNECTIONS,
        "max_prepared_statements": 0,
        "logfile": folder / "log",
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (folder / "ini").write_text(
        "\n".join(["[databases]", f"* = host=127.0.0.1 port={cluster.port}", "[pgbouncer]", *lines])
    )
    if OWNER:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, OWNER)
    process = subprocess.Popen([program, "-q", folder / "ini"], user=OWNER)
    try:
        _wait_for(port, process)
        yield cluster.url(port=port)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("pgbouncer did not start") from None
            time.sleep(0.05)
        else:
            return
