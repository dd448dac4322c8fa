"""Requests that no browser sends: good ones, with damage done to them."""

import json
import random
from collections.abc import Iterator

from pixstore_asgi import ImageRecord
from tests.support.batches import entry_of

_STRANGE = (
    b"\0",
    b"\xff\xfe",
    b"%00",
    b"%2e%2e%2f",
    b"%ff",
    b"%",
    b"\r\n",
    b"\n\n",
    b": ",
    b"\t",
    b"-1",
    b"1e99",
    b"{[",
)
_LENGTHS = (0, 1, 40, 3000, 70_000)


def requests(record: ImageRecord, seed: int) -> Iterator[bytes]:
    """Yield damaged requests for ever, the same ones for the same seed."""
    dice, good = random.Random(seed), _good(record)
    while True:
        request = dice.choice(good)
        for _ in range(dice.choice((1, 1, 2, 5))):
            request = dice.choice(_DAMAGE)(dice, request, good)
        yield request


def _good(record: ImageRecord) -> list[bytes]:
    mount, path = "/pixstore-image", record.id.replace(":", "%3A")
    proof = f"X-Pixstore-Proof: {record.stateless_proof}\r\nX-Pixstore-Token: {record.token}\r\n"
    body = json.dumps({"images": [entry_of(record), entry_of(record, id="another")]})
    heads = [
        f"GET {mount}/{path} HTTP/1.1\r\n{proof}",
        f"HEAD {mount}/{path} HTTP/1.1\r\n{proof}",
        f"GET {mount}/{path} HTTP/1.1\r\nRange: bytes=0-9\r\nOrigin: https://elsewhere.example\r\n{proof}",
        f"OPTIONS {mount}/{path} HTTP/1.1\r\nOrigin: null\r\nAccess-Control-Request-Method: GET\r\n",
        f"GET {mount}/-/client/index.js HTTP/1.1\r\nAccept-Encoding: br;q=0.5, gzip\r\n",
        f"GET {mount}/-/ready HTTP/1.1\r\n",
        f"GET {mount}/-/blob/{'ab' * 16}?id={record.id} HTTP/1.1\r\n",
        f"POST {mount}/-/batch HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n",
        f"POST {mount}/-/batch HTTP/1.1\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n",
    ]
    bodies = ["" for _ in heads[:-2]] + [body, f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"]
    return [f"{head}Host: test\r\n\r\n{sent}".encode() for head, sent in zip(heads, bodies, strict=True)]


def _flip(dice: random.Random, request: bytes, good: list[bytes]) -> bytes:
    at = dice.randrange(len(request))
    return request[:at] + bytes([dice.randrange(256)]) + request[at + 1 :]


def _cut(dice: random.Random, request: bytes, good: list[bytes]) -> bytes:
    return request[: dice.randrange(1, len(request) + 1)]


def _leave_out(dice: random.Random, request: bytes, good: list[bytes]) -> bytes:
    start, end = sorted(dice.randrange(len(request) + 1) for _ in range(2))
    return request[:start] + request[end:] or b"\r"


def _put_in(dice: random.Random, request: bytes, good: list[bytes]) -> bytes:
    at = dice.randrange(len(request) + 1)
    return request[:at] + dice.choice(_STRANGE) + request[at:]


def _lengthen(dice: random.Random, request: bytes, good: list[bytes]) -> bytes:
    at = dice.randrange(len(request))
    return request[:at] + request[at : at + 1] * dice.choice(_LENGTHS) + request[at:]


def _repeat_line(dice: random.Random, request: bytes, good: list[bytes]) -> bytes:
    lines = request.split(b"\r\n")
    at = dice.randrange(len(lines))
    return b"\r\n".join([*lines[:at], *[lines[at]] * dice.choice((2, 3, 200)), *lines[at:]])


def _join(dice: random.Random, request: bytes, good: list[bytes]) -> bytes:
    other = dice.choice(good)
    return request[: dice.randrange(1, len(request) + 1)] + other[dice.randrange(len(other)) :]


_DAMAGE = (_flip, _cut, _leave_out, _put_in, _lengthen, _repeat_line, _join)
