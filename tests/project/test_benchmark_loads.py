"""The loads of the benchmarks: requests in turn, complete answers, and no wrong answer counted as an image."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from benchmarks import gallery, page, writes
from benchmarks.cpu import cpu_seconds
from benchmarks.environment import missing_programs
from benchmarks.load import Request, WrongAnswerError, ask_once, check_load, measure_load
from benchmarks.own_images import OwnImages, image_request
from benchmarks.processes import free_port, running
from pixstore_asgi import ImageNotFound, ImageRecord
from pixstore_asgi.core.requests import frame_head
from pixstore_asgi.errors import IntegrityError
from tests.support.tools import go_without

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")]


def need_wrk() -> None:
    if missing := missing_programs("wrk"):
        go_without("; ".join(missing))


@contextlib.contextmanager
def serving(
    bodies: list[tuple[int, bytes]], seen: list[tuple[str, str | None, bytes]] | None = None
) -> Iterator[Request]:
    """Answer requests with these statuses and bodies in turn; append path, proof and body of each to `seen`."""
    count = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            nonlocal count
            asked = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if seen is not None:
                seen.append((self.path, self.headers.get("x-pixstore-proof"), asked))
            status, body = bodies[count % len(bodies)]
            count += 1
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Request(server.server_address[1], "/image", {})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


IMAGE = b"\0" + bytes(range(256)) * 100


@pytest.mark.parametrize(
    "wrong",
    [(200, b"\5"), (200, IMAGE[:-1]), (200, b"\5" + IMAGE[1:]), (404, IMAGE)],
    ids=["refusal", "short", "state", "status"],
)
def test_the_warm_up_detects_every_wrong_answer(wrong: tuple[int, bytes]) -> None:
    """An answer with another status, length or first byte ends the benchmark before it measures."""
    need_wrk()
    with serving([(200, IMAGE)] * 2 + [wrong]) as request:
        answer = ask_once(request)
        with pytest.raises(WrongAnswerError):
            check_load([request], answer, connections=2, seconds=1, core=None)


def test_requests_are_made_in_turn() -> None:
    """Several GETs and POSTs are sent one after another, each complete, and then again from the first."""
    need_wrk()
    seen: list[tuple[str, str | None, bytes]] = []
    with serving([(200, IMAGE)], seen) as request:
        port = request.port
        gets = [Request(port, f"/{number}", {"x-pixstore-proof": f"proof-{number}"}) for number in range(3)]
        asked = [*gets, Request(port, "/batch", {"content-type": "text/plain"}, b'{"images": []}')]
        answer = ask_once(asked[-1])
        load = measure_load(asked, answer, connections=1, seconds=1, core=None)
    expected = [("/batch", None, b'{"images": []}'), *((f"/{n}", f"proof-{n}", b"") for n in range(3))]
    assert seen[0] == expected[0]
    first = expected.index(seen[1])  # wrk takes one before it begins, and throws it away
    assert seen[1:9] == (expected * 3)[first : first + 8]
    assert (load.wrong, load.errors) == (0, 0)


@contextlib.contextmanager
def sending(raw: bytes) -> Iterator[Request]:
    """Answer one request with exactly these bytes, and close the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(raw)

        thread = threading.Thread(target=answer)
        thread.start()
        yield Request(listening.getsockname()[1], "/image", {})
        thread.join()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_an_answer_in_chunks_is_read_whole() -> None:
    """A chunked body is joined, and the heads of its chunks count as sent bytes."""
    raw = CHUNKED + b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
    with sending(raw) as request:
        answer = ask_once(request)
    assert (answer.status, answer.body, answer.raw_bytes) == (200, b"abc0123456789abcdef", len(raw))


@pytest.mark.parametrize(
    "raw",
    [
        CHUNKED + b"3\r\nabc\r\n10\r\n0123",
        CHUNKED + b"3\r\nabc\r\n",
        CHUNKED + b"3\r\nabc\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n\r\nabc",
    ],
    ids=["within a chunk", "between chunks", "before the last line", "short", "no length"],
)
def test_an_answer_that_ends_early_is_wrong(raw: bytes) -> None:
    """An answer without its end, or without a length that would show a missing end, is refused."""
    with sending(raw) as request, pytest.raises(WrongAnswerError, match=r"ended early|without a length"):
        ask_once(request)


def test_refusals_are_not_counted_as_images() -> None:
    """If half of the answers are one-byte refusals with status 200, the load reports wrong answers."""
    need_wrk()
    with serving([(200, IMAGE), (200, b"\5")]) as request:
        answer = ask_once(request)
        load = measure_load([request], answer, connections=2, seconds=1, core=None)
    assert load.requests > 20
    assert load.wrong >= load.requests * 0.4


def test_all_right_answers_are_counted() -> None:
    """If all answers are right, none is reported as wrong, and the rate is that of wrk."""
    need_wrk()
    with serving([(200, IMAGE)]) as request:
        answer = ask_once(request)
        assert answer.body == IMAGE
        check_load([request], answer, connections=2, seconds=1, core=None)
        load = measure_load([request], answer, connections=2, seconds=1, core=None)
    assert (load.wrong, load.errors) == (0, 0)
    assert load.requests <= load.requests_per_s * 2


def test_the_delaying_proxy_changes_no_byte(tmp_path: Path) -> None:
    """An answer through the delaying proxy is complete, and late by the delay of both directions."""
    port = free_port()
    with serving([(200, IMAGE)]) as request:
        command = [sys.executable, "-m", "benchmarks.line", "--delay-ms", "25", f"{port}:{request.port}"]
        with running(command, port=port, core=None, folder=tmp_path):
            started = time.monotonic()
            answer = ask_once(Request(port, request.path, {}))
            took_s = time.monotonic() - started
    assert answer.body == IMAGE
    assert 0.05 <= took_s < 0.5


def test_the_slow_line_shares_its_rate_and_counts(tmp_path: Path) -> None:
    """After connecting, two answers at once take as long as all of their bytes need; all bytes are counted."""
    port, kbit = free_port(), 8 * len(IMAGE) // 100  # 0.1 s for an answer's body
    with serving([(200, IMAGE)] * 2) as request:
        rates = ["--delay-ms", "10", "--down-kbit", str(kbit), "--up-kbit", "8000", "--connecting"]
        command = [sys.executable, "-m", "benchmarks.line", *rates, f"{port}:{request.port}"]
        with (
            running(command, port=port, core=None, folder=tmp_path, with_pipes=True) as line,
            ThreadPoolExecutor() as pool,
        ):
            started = time.monotonic()
            answers = list(pool.map(ask_once, [Request(port, request.path, {})] * 2))
            took_s = time.monotonic() - started
            assert line.stdin is not None
            assert line.stdout is not None
            line.stdin.write("\n")
            line.stdin.flush()
            counts = json.loads(line.stdout.readline())
    assert [answer.body for answer in answers] == [IMAGE] * 2
    assert took_s >= 0.04 + 0.2
    assert counts["down_bytes"] >= 2 * len(IMAGE)
    # The wait for the process connected once, too.
    assert counts["connections"] == 3


def test_a_gallery_is_requested_completely_and_shuffled(tmp_path: Path) -> None:
    """Each image is requested once with its own proof, each time in another order, and the first one is checked."""
    with OwnImages(tmp_path / "pixstore.db") as images:
        ids = images.save_copies(1000, 30)
        asked = gallery.contestant("ours", images.records, ids, partial(image_request, 1), 1)
        first, second = asked.ask(1000), asked.ask(1000)
        payloads = [payload_of(images, record) for record in images.records(ids[:2])]
        asked.check(1000, payloads[0])
        with pytest.raises((ValueError, IntegrityError)):
            asked.check(1000, payloads[1])
    assert [request.path for request in first] != [request.path for request in second]
    for requests in (first, second):
        assert {unquote(request.path.rpartition("/")[2]) for request in requests} == set(ids)
        assert len({request.headers["x-pixstore-proof"] for request in requests}) == len(requests) == 30
        assert unquote(requests[0].path).endswith(ids[0])


def payload_of(images: OwnImages, record: ImageRecord) -> bytes:
    async def payload() -> bytes:
        opened = await images.pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        return b"".join([piece async for piece in opened])

    return images.run(payload())


def test_images_are_updated_while_others_are_requested(tmp_path: Path) -> None:
    """In the block each image is updated in turn, at most 20 per second, and a failed writer raises its error."""
    with OwnImages(tmp_path / "pixstore.db") as images:
        ids = images.save_copies(1000, 30)
        before = {record.id: record.token for record in images.records(ids)}
        begin_s = time.monotonic()
        with writes.writing(images, ids):
            while images.records(ids[2:3])[0].token == before[ids[2]]:
                time.sleep(0.01)
        took_s = time.monotonic() - begin_s
        after = {record.id: record.token for record in images.records(ids)}
        written = [image_id for image_id in ids if after[image_id] != before[image_id]]
        assert written == ids[: len(written)]
        assert 3 <= len(written) <= 20 * took_s + 1
        with pytest.raises(ImageNotFound), writes.writing(images, ["missing"]):
            pass


def test_a_batch_is_checked_frame_by_frame(tmp_path: Path) -> None:
    """A batch is right with all images in their order; a refused, swapped, missing or surplus frame is detected."""
    with OwnImages(tmp_path / "pixstore.db") as images:
        records = images.records(images.save_copies(page.SIZE, 3))
        payloads = [payload_of(images, record) for record in records]
    frames = [frame_head(number, 200, len(payload)) + payload for number, payload in enumerate(payloads)]
    page.check_images(b"".join(frames), records)
    refused = frame_head(2, 403, 0)
    exchanged = frame_head(2, 200, len(payloads[0])) + payloads[0]
    for wrong in ([*frames[:2], refused], [*frames[:2], exchanged], frames[::-1], [*frames, b"\0"]):
        with pytest.raises((ValueError, IntegrityError)):
            page.check_images(b"".join(wrong), records)
    with pytest.raises(ValueError, match="ends before frame 2"):
        page.check_images(b"".join(frames[:2]), records)


def test_processor_time_counts_threads_and_children() -> None:
    """The processor time of a process includes its threads and child processes."""
    compute = "import time\nwhile time.thread_time() < 0.3: pass\nprint(flush=True)"
    thread = f"import threading; t = threading.Thread(target=exec, args=({compute!r}, {{}})); t.start(); t.join()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {thread + '; input()'!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as above:
        assert above.stdin is not None
        assert above.stdout is not None
        above.stdout.readline()
        used_s = cpu_seconds(above.pid)
        above.stdin.write(b"\n")
    assert used_s >= 0.3
