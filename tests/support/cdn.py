"""Runs nginx as the cache in cdn.md, word for word but for ports, paths and TLS."""

import contextlib
import getpass
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.support.paths import DOCS, ROOT
from tests.support.tools import require

(SITE,) = re.findall(r"```nginx\n(.*?)```", (DOCS / "cdn.md").read_text(), re.DOTALL)

_AROUND = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/cdn.conf;
}}
"""


@contextlib.contextmanager
def running_cdn(
    folder: Path, port: int, upstream: str, *, mount: str = "/images", site: str = SITE
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the cache in front of an application's images until the block ends.

    upstream: the application's URL. mount: the path of its images.
    """
    program = require("nginx", "nginx-light (Debian)", ROOT / ".venv" / "nginx" / "usr" / "sbin")
    folder.mkdir()
    (folder / "cdn.conf").write_text(_adapted(site, folder, port, upstream, mount))
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user=user))
    process = subprocess.Popen(
        [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    )
    try:
        _wait(process, port)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _adapted(site: str, folder: Path, port: int, upstream: str, mount: str) -> str:
    site = re.sub(r" *ssl_certificate.*\n", "", site)
    for text, instead in {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "/var/cache/nginx/pixstore": f"{folder}/cache",
        "server 127.0.0.1:8000 ": f"server {upstream.removeprefix('http://')} ",
    }.items():
        assert site.count(text) == 1, text
        site = site.replace(text, instead)
    return site.replace("/pixstore-image/", f"{mount}/")


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
            return
        assert process.poll() is None, "nginx ended"
        assert time.monotonic() < deadline, "nginx did not start"
        time.sleep(0.02)
