"""Runs HAProxy with the configuration in deployment.md, word for word except addresses and the additions of a test."""

import contextlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.nginx import PAGE
from tests.support.servers import Server, free_port
from tests.support.service import answers, until

(CONFIGURATION,) = re.findall(r"```haproxy\n(.*?)```", PAGE, re.DOTALL)


@dataclass
class Balancer:
    """A running HAProxy; `log` is its output so far."""

    url: str
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()


@contextlib.contextmanager
def balancing(program: str, folder: Path, servers: Sequence[Server], *, rule: str = "") -> Iterator[Balancer]:
    """Run HAProxy before two or three servers until the block ends. rule: a further line of its frontend.

    It sends no request twice, so that one which meets a server that has stopped fails.
    """
    port = free_port()
    text = CONFIGURATION.replace("mode http\n", "mode http\n    retries 0\n")
    text = text.replace("    default_backend", f"    {rule}\n    default_backend")
    if len(servers) > 2:
        text += "    server three 10.0.0.3:8000\n"
    addresses = [("bind :80 ", f"bind 127.0.0.1:{port} ")]
    addresses += [(f"10.0.0.{n}:8000", server.url.removeprefix("http://")) for n, server in enumerate(servers, 1)]
    for address, instead in addresses:
        assert text.count(address) == 1, address
        text = text.replace(address, instead)
    (folder / "haproxy.cfg").write_text(text)
    log_file = folder / "haproxy.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [program, "-db", "-f", str(folder / "haproxy.cfg")], stdout=log, stderr=subprocess.STDOUT
        )
    balancer = Balancer(f"http://127.0.0.1:{port}", log_file)
    try:
        until(lambda: answers(f"{balancer.url}/pixstore-image/-/ready"), balancer)
        yield balancer
    finally:
        process.terminate()
        process.wait(20)
