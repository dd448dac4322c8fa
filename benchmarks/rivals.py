"""The contestants of the server benchmarks: pixstore_asgi and its alternatives, as real servers."""

import base64
import contextlib
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pixstore_asgi import ImageRecord

from .environment import program
from .load import Request
from .npm_peer import npm_peer
from .own_images import OwnImages, check_payload, image_request
from .pictures import png
from .processes import free_port, running
from .routes import FILES_ROUTE

ASGI_APPS = {
    "uvicorn": ("pixstore", "middleware", "uncached", "alone", "static", "floor"),
    "granian": ("pixstore", "static", "floor"),
}
GRACE_S = "2"  # uvicorn else waits for clients that never leave
IDLE_S = "75"  # as nginx; after 5 s uvicorn else ends connections that are still taking a large answer


@dataclass(frozen=True, slots=True)
class Contestant:
    """A running server.

    `ask` gives fresh requests for images of a size; `check` raises ValueError for a wrong body of the first of them.
    `database_pid` is a database server; its processor time is reported beside that of `pid`.
    """

    name: str
    ask: Callable[[int], list[Request]]
    check: Callable[[int, bytes], None]
    pid: int
    database_pid: int | None = None


def asgi_command(
    server: str, app: str, port: int, *, workers: int = 1, module: str = "benchmarks.served_app"
) -> list[str]:
    """Return the command that serves an application of a module, on uvloop and a parser in C or Rust."""
    target, address = f"{module}:{app}", ["--host", "127.0.0.1", "--port", str(port)]
    options = {
        "uvicorn": ["--http", "httptools", "--timeout-graceful-shutdown", GRACE_S, "--timeout-keep-alive", IDLE_S],
        "granian": ["--interface", "asgi"],
    }[server]
    shared = ["--loop", "uvloop", "--workers", str(workers), "--no-access-log", "--log-level", "warning"]
    return [sys.executable, "-m", server, target, *address, *shared, *options]


@contextlib.contextmanager
def asgi_server(
    server: str, app: str, images: OwnImages, core: int | None, *, workers: int = 1, **environment: str
) -> Iterator[tuple[int, int]]:
    """Run one of served_app's applications under an ASGI server; yield its port and process id."""
    port = free_port()
    environment |= {"PIXSTORE_BENCH_DATABASE": str(images.database), "PIXSTORE_SECRET": images.secret}
    if images.blobs:
        environment["PIXSTORE_BENCH_BLOBS"] = images.blobs
    command = asgi_command(server, app, port, workers=workers)
    with running(command, port=port, core=core, folder=images.folder, environment=environment) as process:
        yield port, process.pid


def own_contestant(name: str, images: OwnImages, port: int, pid: int, *, database_pid: int | None = None) -> Contestant:
    """Return a server that is asked for the one image of each size."""

    def ask(size: int) -> list[Request]:
        return [image_request(port, images.record(size))]

    def check(size: int, body: bytes) -> None:
        check_payload(body, images.record(size), png(size))

    return Contestant(name, ask, check, pid, database_pid)


@contextlib.contextmanager
def asgi(
    server: str, app: str, images: OwnImages, files: Path, core: int | None, *, workers: int = 1
) -> Iterator[Contestant]:
    """Run one of served_app's applications under an ASGI server, to be asked for one image of each size."""
    with asgi_server(server, app, images, core, workers=workers, PIXSTORE_BENCH_FILES=str(files)) as (port, pid):

        def ask(size: int) -> list[Request]:
            if app in ("pixstore", "middleware", "uncached"):
                return [image_request(port, images.record(size))]
            if app == "alone":
                request = image_request(port, images.record(size))
                return [Request(port, "/" + request.path.rpartition("/")[2], request.headers)]
            return [Request(port, f"{FILES_ROUTE}/{size}.bin", {})]

        yield Contestant(f"{app}/{server}", ask, _file_check(files), pid)


@contextlib.contextmanager
def npm(folder: Path, core: int | None, sizes: tuple[int, ...]) -> Iterator[Contestant]:
    """Run npm pixstore's default endpoint with images of these sizes."""
    folder.mkdir()
    with npm_peer(folder, core) as peer:
        ids: dict[int, str] = {}
        for size in sizes:
            picture = folder / f"{size}.png"
            picture.write_bytes(png(size))
            ids[size] = ImageRecord.parse(peer.call("save", path=str(picture))).id

        def check(size: int, body: bytes) -> None:
            check_payload(body, peer.record(ids[size]), png(size))

        yield Contestant("npm/node", lambda size: [peer.request(peer.record(ids[size]))], check, peer.process.pid)


@contextlib.contextmanager
def nginx(folder: Path, files: Path, core: int | None) -> Iterator[Contestant]:
    """Run nginx with secure_link over the same bytes as files."""
    folder.mkdir()
    port, secret = free_port(), secrets.token_urlsafe(16)
    configuration = folder / "nginx.conf"
    configuration.write_text(_nginx_configuration(folder, files, port, secret))
    command = [program("nginx") or "nginx", "-p", str(folder), "-e", "error.log", "-c", str(configuration)]

    def ask(size: int) -> list[Request]:
        path, expires = f"{FILES_ROUTE}/{size}.bin", int(time.time()) + 40
        digest = hashlib.md5(f"{expires}{path} {secret}".encode(), usedforsecurity=False).digest()
        link = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return [Request(port, f"{path}?md5={link}&expires={expires}", {})]

    with running(command, port=port, core=core, folder=folder) as process:
        yield Contestant("nginx/nginx", ask, _file_check(files), process.pid)


def _file_check(files: Path) -> Callable[[int, bytes], None]:
    def check(size: int, body: bytes) -> None:
        if body != (files / f"{size}.bin").read_bytes():
            raise ValueError("the answer has other bytes than the file")

    return check


def _nginx_configuration(folder: Path, files: Path, port: int, secret: str) -> str:
    user = "user root;" if os.geteuid() == 0 else ""  # the workers must read a private folder
    return f"""
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location {FILES_ROUTE}/ {{
      secure_link $arg_md5,$arg_expires;
      secure_link_md5 "$secure_link_expires$uri {secret}";
      if ($secure_link = "") {{ return 403; }}
      if ($secure_link = "0") {{ return 410; }}
      alias {files}/;
    }}
  }}
}}
"""
