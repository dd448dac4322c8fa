"""The edge of real servers: any bytes on a raw socket get an answer or a closed connection, and the next one
is served.
"""

import asyncio
import base64
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pixstore_asgi import ImageRecord
from tests.fuzz.malformed import requests
from tests.support.requests import image_of, save
from tests.support.samples import SECRET, picture
from tests.support.servers import SERVERS, Server, serving

pytestmark = [pytest.mark.servers, pytest.mark.slow]

AT_ONCE = 256  # hypercorn keeps what was half closed for 5 s
PATIENCE_S = 20
PAUSE_S = 0.1
LENGTHS = [
    pytest.param(300, id="short"),
    pytest.param(100_000, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]


async def send(port: int, request: bytes) -> bytes:
    """Send bytes, and the end of them once an answer begins or a while has passed; return all that comes back.

    Raises TimeoutError where the server does not hang up.
    """
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            begin = asyncio.ensure_future(reader.read(1))
            await asyncio.wait([begin], timeout=PAUSE_S)  # some servers drop a request whose end comes at once
            writer.write_eof()
            return await begin + await reader.read()
        except OSError:  # it has hung up already
            return b""
        finally:
            writer.close()


async def send_all(port: int, several: Iterator[bytes]) -> Counter[str]:
    """Send requests, AT_ONCE at a time, and count the answers by the status of the first one."""
    answers: Counter[str] = Counter()

    async def send_on() -> None:
        for request in several:
            answer = await send(port, request)
            answers[answer[9:12].decode(errors="replace") if answer.startswith(b"HTTP/1.") else "none"] += 1
            answers["500 in it"] += b"HTTP/1.1 500" in answer

    await asyncio.gather(*(send_on() for _ in range(AT_ONCE)))
    return answers


def settled(server: Server, before: dict[str, Any]) -> dict[str, Any]:
    """Return the resources in use once they are no more than before, or after a while."""
    deadline = time.monotonic() + 15
    while True:
        counts: dict[str, Any] = httpx.get(f"{server.url}/counts").json()
        if all(counts[what] <= before[what] for what in before) or time.monotonic() > deadline:
            return counts
        time.sleep(0.2)


def spellings(record: ImageRecord) -> list[str]:
    return [SECRET, record.stateless_proof, base64.b64encode(record.key).decode(), record.key.hex()]


@pytest.mark.parametrize("number", LENGTHS)
@pytest.mark.parametrize("server", SERVERS)
def test_malformed_requests_harm_nothing(
    server: str, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server hangs or fails with an error of ours, nothing stays in use, and a good request is answered as ever."""
    # It repeats what stands in a request line, be it a proof that came there by chance.
    monkeypatch.setenv("UVICORN_ACCESS_LOG", "0")
    with serving(server, "bare_mount", tmp_path) as served:
        record = save(served)
        image_of(served, record)
        before = settled(served, {})
        port = int(served.url.rpartition(":")[2])
        answers = asyncio.run(send_all(port, itertools.islice(requests(record, seed=number), number)))
        print(f"\n{server}: {dict(answers)}")
        assert sum(answers.values()) - answers["500 in it"] == number
        assert answers["500"] == answers["500 in it"] == 0
        assert answers["200"] > number / 20  # not all of it ends before it comes to us
        after = settled(served, before)
        # A pool of threads may have grown by one of its own, with what that has open.
        assert {what for what in before if after[what] > before[what] + 2} == set(), (before, after)
        assert after["leases"] == 0
        assert image_of(served, save(served)) == picture()
        said = served.log
    assert "Traceback" not in said
    assert [text for text in spellings(record) if text in said] == []
