"""Traffic on hosts that are killed: it goes on, and tells interrupted requests from faults."""

import math
import random
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from pixstore_asgi.core.requests import MAX_IMAGES
from pixstore_asgi.errors import IntegrityError
from tests.deployment.traffic import Torn, Traffic, Wrong, client, version_in
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.hosts import Host

_NOTICED_S = 3.0


class CutOff(Wrong):
    """A host that was killed has not answered, or the balancer in its place."""


class Busy(Wrong):
    """The application has asked to try again: others have the store to themselves."""


class RoughTraffic(Traffic):
    """Traffic with batches, too.

    done: also requests that a kill interrupted or that met a busy store. torn: as `failed`, of pictures that are not
    whole.
    lost: versions that were acknowledged and are gone.
    """

    most_images = 100

    def __init__(self, balancer: str, hosts: Sequence[Host]) -> None:
        super().__init__(balancer, hosts)
        self.torn: list[str] = []
        self.lost: list[str] = []
        self._disturbed_until_s = 0.0

    @property
    def roles(self) -> list[Callable[[httpx.Client, str], None]]:
        return [*super().roles, self._read_batch]

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """Take it that a host is being killed or restarted in the block, and that the balancer notices soon after."""
        self._disturbed_until_s = math.inf
        try:
            yield
        finally:
            self._disturbed_until_s = time.monotonic() + _NOTICED_S

    def note(self, error: Exception, doing: str) -> None:
        if isinstance(error, CutOff):
            self.done["cut off"] += 1
        elif isinstance(error, Busy):
            self.done["busy"] += 1
        elif isinstance(error, Torn | IntegrityError | AssertionError | ValueError | struct.error):
            self.torn.append(f"{doing}: {error}")
        else:
            super().note(error, doing)

    def check_all(self) -> None:
        """Read every image once more, and note the lost ones."""
        with client() as http:
            for image in self.written:
                try:
                    self.check(http, image)
                except Exception as error:
                    self.lost.append(f"{type(error).__name__}: {error}")

    def _read_batch(self, http: httpx.Client, _: str) -> None:
        """Get records from a host and their images in one request, no older than the last acknowledged versions."""
        chosen = random.sample(self.written, min(len(self.written), random.randint(1, MAX_IMAGES)))
        if not chosen:
            self._ends.wait(0.01)
            return
        asked = []
        for image in chosen:
            least = image.acknowledged
            url = f"{random.choice(list(self.serving.values()))}/images/{image.id}"
            asked.append((image, least, self._record(http, "GET", url)[0]))
        body = body_of(*(entry_of(record) for _, _, record in asked))
        answer = self._answer(
            http,
            "POST",
            f"{self._balancer}/pixstore-image/-/batch",
            content=body,
            headers={"content-type": "text/plain"},
        )
        for (image, least, record), frame in zip(asked, frames_of(answer.content), strict=True):
            version = version_in(frame[2], record, image)
            if not least <= version <= image.sent:
                self.stale.append(f"version {version} of {image.name} in a batch after {least} was acknowledged")
        self.done["batches"] += 1

    def _answer(self, http: httpx.Client, method: str, url: str, **request: Any) -> httpx.Response:
        begun_s = time.monotonic()
        if request.get("content"):
            # Where a host dies in the middle of an upload, HAProxy 3.0.11 answers 502 and reads nothing more of that
            # connection, so that the next request on it would be waiting in vain.
            request["headers"] = {**request.get("headers", {}), "connection": "close"}
        try:
            answer = http.request(method, url, **request)
        except httpx.TransportError as error:
            if begun_s > self._disturbed_until_s or isinstance(error, httpx.TimeoutException):
                raise
            raise CutOff from error
        if "x-process" not in answer.headers and begun_s <= self._disturbed_until_s:
            raise CutOff
        if answer.status_code == 503 and "retry-after" in answer.headers:
            raise Busy
        if not answer.is_success:
            raise Wrong(f"{method} {url} was answered with {answer.status_code}")
        return answer
