"""Runs uvicorn on a socket that this module opens, so that a port in use gives an error of one line."""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import FrameType
from typing import Any

import click
import uvicorn

from ..asgi.delivery import SEND_TIMEOUT_S

_GRACE_S = 3  # how many seconds running downloads may take after a signal
_USER_TIMEOUT_MS = int(SEND_TIMEOUT_S * 1000)


def listen(host: str, port: int, *, user_timeout_ms: int = _USER_TIMEOUT_MS) -> socket.socket:
    """Open a listening socket. Raises click.ClickException if the host or port can't be used.

    user_timeout_ms: end a connection if sent data stays unacknowledged for this many milliseconds. Linux only.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise click.ClickException(_refusal(host, port, error)) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Accepted sockets inherit this option. Without it, a closed connection tries forever to send its buffer, and a
        # client that never reads keeps the descriptor open.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def run_server(
    app: Any,
    listener: socket.socket,
    *,
    life: AbstractAsyncContextManager[object],
    on_ready: Callable[[], None],
    log_level: str,
) -> None:
    """Serve `app` until SIGINT or SIGTERM.

    life: a context, entered before the first request and left after the last one. It replaces the ASGI lifespan,
    because uvicorn would only log its errors. on_ready: called as soon as the server answers requests.
    """
    config = uvicorn.Config(
        app, lifespan="off", log_level=log_level, server_header=False, timeout_graceful_shutdown=_GRACE_S
    )

    async def serve() -> None:
        async with life:
            on_ready()
            await uvicorn.Server(config).serve(sockets=[listener])

    asyncio.run(serve())


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """During the block, SIGINT or SIGTERM raises SystemExit(0), so that the block's cleanup runs."""
    # uvicorn raises the signal again after its shutdown. By default SIGTERM would then kill the process.
    before = {number: signal.signal(number, _exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program: choose one with --port, or --port 0 for any free one"
    reason = error.strerror or os.strerror(error.errno or 0)
    return f"can't listen on {host}, port {port}: {reason}"
