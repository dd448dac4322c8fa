"""Traffic on several hosts: clients that save, update and read, through a balancer and at single hosts.

Each picture says in a chunk of its own which version of which image it is, so that every answer can be checked.
"""

import random
import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from pixstore_asgi import ImageRecord, WireState, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.deployment.in_threads import InThreads
from tests.support.hosts import Host
from tests.support.requests import headers
from tests.support.samples import large_png

_SIZES = (2_000, 100_000, 1_200_000)
_WRITERS = _READERS = 3
_PAUSE_S = 0.1


@dataclass
class Written:
    """An image that one writer writes. acknowledged, sent: numbers of its versions."""

    name: str
    id: str = ""
    acknowledged: int = 0
    sent: int = 0


class Wrong(Exception):
    """The answer to a request was wrong."""


class Torn(Wrong):
    """A picture differs from the saved one."""


def labelled(name: str, version: int) -> bytes:
    """Return a PNG that tells its image and version, of a size that the version chooses."""
    plain = large_png(_SIZES[version % len(_SIZES)])
    data = b"laBl" + f"{name} {version} ".encode()
    end = plain.rindex(b"IEND") - 4
    return plain[:end] + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data)) + plain[end:]


def version_of(image: bytes, name: str) -> int:
    """Return which version of an image this is. Raises Torn for bytes that are no version of it, whole."""
    found, version, *_ = *image.rpartition(b"laBl")[2].split(b" ", 2), b"", b""
    if found != name.encode() or not version.isdigit() or image != labelled(name, int(version)):
        raise Torn(f"{len(image)} bytes are no version of {name}")
    return int(version)


class Traffic(InThreads):
    """Runs until the block ends.

    serving: the hosts that may be asked directly, their URLs by their addresses. done: how often each kind of request
    succeeded. failed, stale: the failures. processes: which answered, by their host.
    """

    most_images = 1_000_000  # of one writer

    def __init__(self, balancer: str, hosts: Sequence[Host]) -> None:
        self._balancer = balancer
        super().__init__([partial(self._run, number, role) for number, role in enumerate(self.roles)])
        self.serving = {host.address: host.url for host in hosts}
        self.written: list[Written] = []
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []
        self.stale: list[str] = []
        self.processes: defaultdict[str, set[str]] = defaultdict(set)

    @property
    def roles(self) -> list[Callable[[httpx.Client, str], None]]:
        """The functions that each thread repeats."""
        return [self._write] * _WRITERS + [self._read] * _READERS

    def check_all(self) -> None:
        """Read every image once more. Raises Wrong where a version that was acknowledged is lost."""
        with client() as http:
            for image in self.written:
                self.check(http, image)

    def check(self, http: httpx.Client, image: Written) -> None:
        """Read one image. Raises Wrong where a version that was acknowledged is lost."""
        record, _ = self._record(http, "GET", f"{self._balancer}/images/{image.id}")
        version = self._version(http, self._balancer, record, image)
        if not image.acknowledged <= version <= image.sent:
            raise Wrong(f"version {image.acknowledged} of {image.name} was acknowledged and {version} is there")

    def _run(self, number: int, act: Callable[[httpx.Client, str], None]) -> None:
        with client() as http:
            while not self._ends.wait(_PAUSE_S):
                try:
                    act(http, f"writer-{number}")
                except Exception as error:  # the traffic goes on after any error, and the test sees it
                    self.note(error, act.__name__)

    def note(self, error: Exception, doing: str) -> None:
        """Note a failure."""
        self.failed.append(f"{doing}: {type(error).__name__}: {error}")

    def _write(self, http: httpx.Client, writer: str) -> None:
        """Save or update an image of this writer's; at once another host must have it."""
        mine = [image for image in self.written if image.name.startswith(writer)]
        if len(mine) < 3 or (random.random() < 0.3 and len(mine) < self.most_images):
            image = Written(f"{writer}-{len(mine)}", sent=1)
            record, host = self._record(http, "POST", f"{self._balancer}/images", labelled(image.name, 1))
            image.id = record.id
            self.written.append(image)
            self.done["saves"] += 1
        else:
            image = random.choice(mine)
            image.sent += 1
            content = labelled(image.name, image.sent)
            record, host = self._record(http, "PUT", f"{self._balancer}/images/{image.id}", content)
            self.done["updates"] += 1
        image.acknowledged = image.sent
        self._look_elsewhere(http, record, image, host)

    def _look_elsewhere(self, http: httpx.Client, record: ImageRecord, image: Written, host: str) -> None:
        """Ask a host other than the one that has acknowledged, for a record and with the proof of that one."""
        other = random.choice([url for address, url in list(self.serving.items()) if address != host])
        fresh, _ = self._record(http, "GET", f"{other}/images/{image.id}")
        version = self._version(http, other, record, image)
        if fresh.token != record.token or version != image.acknowledged:
            self.stale.append(f"version {image.acknowledged} of {image.name}, from {host}, was not yet at {other}")
        self.done["looks elsewhere"] += 1

    def _read(self, http: httpx.Client, _: str) -> None:
        """Get a record from one host and its image through the balancer, at least of the acknowledged version."""
        if not self.written:
            self._ends.wait(0.01)
            return
        image = random.choice(self.written)
        least = image.acknowledged
        record, host = self._record(http, "GET", f"{random.choice(list(self.serving.values()))}/images/{image.id}")
        version = self._version(http, self._balancer, record, image)
        if not least <= version <= image.sent:
            self.stale.append(f"version {version} of {image.name} after {least} was acknowledged, record from {host}")
        self.done["reads"] += 1

    def _record(
        self, http: httpx.Client, method: str, url: str, content: bytes | None = None
    ) -> tuple[ImageRecord, str]:
        """Return a record and the host that answered."""
        answer = self._answer(http, method, url, content=content)
        return ImageRecord.parse(answer.json()), answer.headers["x-host"]

    def _version(self, http: httpx.Client, at: str, record: ImageRecord, image: Written) -> int:
        """Fetch an image with a record and return its version, checked byte by byte."""
        url = f"{at}/pixstore-image/{record.id.replace(':', '%3A')}"
        return version_in(self._answer(http, "GET", url, headers=headers(record)).content, record, image)

    def _answer(self, http: httpx.Client, method: str, url: str, **request: Any) -> httpx.Response:
        answer = http.request(method, url, **request)
        if not answer.is_success:
            raise Wrong(f"{method} {url} was answered with {answer.status_code}")
        self.processes[answer.headers["x-host"]].add(answer.headers["x-process"])
        return answer


def client() -> httpx.Client:
    """Return a client that sends nothing twice."""
    return httpx.Client(timeout=60, trust_env=False)


def version_in(body: bytes, record: ImageRecord, image: Written) -> int:
    payload = decode_payload(body)
    if payload.state not in (WireState.SUCCESS, WireState.UPDATED):
        raise Wrong(f"{image.name} was answered with {payload.state.label}")
    key, iv, tag = payload.key or record.key, payload.iv or record.iv, payload.tag or record.tag
    return version_of(unseal(key=key, iv=iv, tag=tag, ciphertext=payload.ciphertext)[1], image.name)
