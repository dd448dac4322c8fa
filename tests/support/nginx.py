"""Runs nginx with the configuration in deployment.md, word for word but for ports and paths."""

import contextlib
import datetime
import getpass
import ipaddress
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.paths import DOCS
from tests.support.servers import free_port

PAGE = (DOCS / "deployment.md").read_text()
SITE, TWO_HOSTS = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
(_ONE_HOST,) = re.findall(r"upstream pictures \{.*?\n\}\n", SITE, re.DOTALL)

# The host around the site compresses, caches and spools everything that the site does not exclude.
_AROUND = """
daemon off;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/spool/body;
    proxy_temp_path {folder}/spool/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_types *;
    gzip_min_length 1;
    gzip_proxied any;
    proxy_cache_path {folder}/cache keys_zone=all:1m;
    proxy_cache all;
    proxy_cache_valid 200 1m;
    proxy_ignore_headers Cache-Control;
    include {folder}/pictures.conf;
}}
"""


@dataclass
class Nginx:
    """A running nginx; `errors` is its error log, `accesses` its access log in the page's format."""

    process: subprocess.Popen[bytes]
    folder: Path
    http_port: int
    https_port: int

    @property
    def errors(self) -> str:
        return (self.folder / "error.log").read_text()

    @property
    def accesses(self) -> str:
        return (self.folder / "pictures.log").read_text()

    @property
    def workers(self) -> set[str]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return set(children.read_text().split())

    def client(self, *, http2: bool = False) -> httpx.Client:
        # Over HTTP/2 httpx is slow with large bodies, and a reload's GOAWAY ends its downloads.
        trusted = ssl.create_default_context(cafile=self.folder / "fullchain.pem")
        small = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)]  # or a whole image waits in the client's socket
        transport = httpx.HTTPTransport(verify=trusted, http2=http2, socket_options=small)
        return httpx.Client(base_url=f"https://127.0.0.1:{self.https_port}", transport=transport, timeout=30)

    def reload(self) -> None:
        """Have the configuration read again, and wait for workers that were not there before."""
        before = self.workers
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while len(self.workers - before) < 2:
            assert time.monotonic() < deadline, self.errors
            time.sleep(0.02)


@contextlib.contextmanager
def running_nginx(program: str, folder: Path, port: int | None, site: str = SITE) -> Iterator[Nginx]:
    """Run nginx in front of an application on a port, or of the hosts that the site names, until the block ends.

    nginx cannot spool anything: files stand at the paths of its spool folders.
    """
    folder.mkdir()
    http_port, https_port = free_port(), free_port()
    make_certificate(folder)
    (folder / "spool").mkdir()
    (folder / "pictures.conf").write_text(adapted(site, folder, http_port, https_port, port))
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user=user))
    command = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    process = subprocess.Popen(command)
    nginx = Nginx(process, folder, http_port, https_port)
    try:
        _wait_for_workers(nginx)
        for path in (folder / "spool").iterdir():
            path.rmdir()
            path.touch()
        yield nginx
    finally:
        process.terminate()
        process.wait(20)


def before_hosts(*addresses: str, upstream: str = TWO_HOSTS) -> str:
    """Return the page's configuration with its upstream of two hosts, at these addresses."""
    for number, address in enumerate(addresses, 1):
        assert upstream.count(f"10.0.0.1{number}:8000") == 1
        upstream = upstream.replace(f"10.0.0.1{number}:8000", address)
    return str(SITE.replace(_ONE_HOST, upstream))


def adapted(site: str, folder: Path, http_port: int, https_port: int, port: int | None) -> str:
    """Return the page's configuration with this test's ports and paths."""
    for text, instead in {
        "listen 80;": f"listen 127.0.0.1:{http_port};",
        "listen 443 ssl": f"listen 127.0.0.1:{https_port} ssl",
        "/etc/ssl/pictures.example/fullchain.pem": f"{folder}/fullchain.pem",
        "/etc/ssl/pictures.example/privkey.pem": f"{folder}/privkey.pem",
        "/var/log/nginx/pictures.log": f"{folder}/pictures.log",
        **({"server 127.0.0.1:8000 ": f"server 127.0.0.1:{port} "} if port else {}),
    }.items():
        assert site.count(text) == 1, text
        site = site.replace(text, instead)
    return site


def _wait_for_workers(nginx: Nginx) -> None:
    deadline = time.monotonic() + 20
    while len(nginx.workers) < 2:
        assert nginx.process.poll() is None, nginx.errors
        assert time.monotonic() < deadline, nginx.errors
        time.sleep(0.02)


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pictures.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
