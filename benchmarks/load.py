"""Asks a server: once, to see the whole answer, and by wrk, to see how many answers it gives a second."""

import json
import math
import re
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .environment import pinned

_SCRIPT = Path(__file__).with_name("wrk.lua")


class WrongAnswerError(Exception):
    """A server gave a wrong answer: its speed means nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a contestant answers with an image, or images: a GET, or a POST where it has a body."""

    port: int
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def raw(self) -> bytes:
        """Return it as it is sent."""
        method, length = ("GET", {}) if self.body is None else ("POST", {"Content-Length": str(len(self.body))})
        headers = {"Host": f"127.0.0.1:{self.port}", **self.headers, **length}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{method} {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + (self.body or b"")


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole response; `raw_bytes` is its length with status line and headers."""

    status: int
    raw_bytes: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """The results of wrk. An unfinished answer at the end counts by the share that arrived.

    answers: how many so came. wrong: answers that were no image: by status, and by the bytes that lack from the sum.
    """

    requests_per_s: float
    requests: int
    answers: float
    wrong: int
    errors: int
    p50_ms: float
    p99_ms: float


def open_connection(request: Request, *, buffer_bytes: int | None = None) -> socket.socket:
    """Send a request and return the connection, for the caller to read; `buffer_bytes` limits its unread bytes."""
    connection = socket.socket()
    connection.settimeout(60)
    if buffer_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    connection.connect(("127.0.0.1", request.port))
    connection.sendall(request.raw())
    return connection


def ask_once(request: Request) -> Answer:
    """Return the whole answer to one request. Raises WrongAnswerError where its length is not told or it ends early."""
    with open_connection(request) as connection, connection.makefile("rb") as stream:
        lines = [stream.readline()]
        while lines[-1] not in (b"\r\n", b""):
            lines.append(stream.readline())
        head = b"".join(lines)
        if length := re.search(rb"\r\ncontent-length: *(\d+)\r\n", head, re.IGNORECASE):
            body = stream.read(int(length[1]))
            is_whole, raw_bytes = len(body) == int(length[1]), len(body)
        elif re.search(rb"\r\ntransfer-encoding: *chunked\r\n", head, re.IGNORECASE):
            is_whole, body, raw_bytes = _read_chunks(stream)
        else:
            raise WrongAnswerError(f"{request.path} was answered without a length: {lines[0]!r}")
    if not is_whole:
        raise WrongAnswerError(f"the answer to {request.path} ended early")
    return Answer(int(lines[0].split()[1]), len(head) + raw_bytes, body)


def _read_chunks(stream: IO[bytes]) -> tuple[bool, bytes, int]:
    """Return whether a chunked body came whole, the body, and its length with the chunks' framing."""
    body = bytearray()
    raw_bytes = 0
    while line := stream.readline():
        size = int(line, 16)
        chunk = stream.read(size + 2)
        raw_bytes += len(line) + len(chunk)
        body += chunk[:size]
        if size == 0 or len(chunk) != size + 2:
            return chunk == b"\r\n", bytes(body), raw_bytes
    return False, bytes(body), raw_bytes


def check_load(
    requests: Sequence[Request], answer: Answer, *, connections: int, seconds: int, core: int | None
) -> None:
    """Make the requests in turn for a while, looking at every answer.

    Raises WrongAnswerError if status, length or first byte differ from `answer`.
    """
    expected = [str(len(answer.body)), str(answer.body[0])]
    counts = _wrk(requests, connections, seconds, core, expected)
    if counts["wrong"] or counts["refused"]:
        raise WrongAnswerError(f"{counts['wrong']} of {counts['requests']} answers to {requests[0].path} were no image")


def measure_load(
    requests: Sequence[Request], answer: Answer, *, connections: int, seconds: int, core: int | None
) -> Load:
    """Make the requests in turn for a while and return how it went; every answer should be as long as `answer`."""
    counts = _wrk(requests, connections, seconds, core, [])
    lacking = counts["requests"] * answer.raw_bytes - counts["bytes"]
    short = max(math.ceil(lacking / len(answer.body)), 0)
    answers = counts["bytes"] / answer.raw_bytes
    return Load(
        requests_per_s=answers / counts["seconds"],
        requests=counts["requests"],
        answers=answers,
        wrong=max(counts["refused"], short),
        errors=counts["socket_errors"] + counts["timeouts"],
        p50_ms=counts["p50_ms"],
        p99_ms=counts["p99_ms"],
    )


def _wrk(
    requests: Sequence[Request], connections: int, seconds: int, core: int | None, expected: list[str]
) -> dict[str, Any]:
    first = requests[0]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(_SCRIPT)]
    command += [part for name, value in first.headers.items() for part in ("-H", f"{name}: {value}")]
    command += [f"http://127.0.0.1:{first.port}{first.path}", "--"]
    with tempfile.NamedTemporaryFile(prefix="pixstore-bench-") as listed:
        listed.write(b"\0".join(request.raw() for request in requests))
        listed.flush()
        # One GET is wrk's own request, which it sends faster than a script's requests.
        is_own = len(requests) == 1 and first.body is None
        command += ["" if is_own else listed.name, *expected]
        done = subprocess.run(pinned(command, core), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"wrk failed: {done.stderr or done.stdout}")
    counts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return counts
