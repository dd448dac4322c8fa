"""Objects: requests to a prefix of a bucket through obstore, with retries and time limits."""

import asyncio
import atexit
import functools
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import S3Store

from ...errors import ConfigError
from .errors import BucketAway, NoSuchObject, translated
from .place import Place

if TYPE_CHECKING:
    from obstore import GetResult

_LISTED_AT_ONCE = 1000
_REMOVED_AT_ONCE = 1000  # as many as S3 takes in one request
_MOST_RETRIES = 10
_PATIENCE_FOR_A_PART = 3  # times: 5 MiB go out meanwhile
_LAST_WORDS_S = 0.2


class Objects:
    """The objects below a prefix. Its methods raise StoreError, or StoreBusy if a retry may help.

    patience_s: how long a request is retried, or a silent server is waited for, in seconds.
    """

    def __init__(self, place: Place, patience_s: float) -> None:
        self._place = place
        self._options = {name: value for name, value in place._asdict().items() if value is not None}
        self._patience_s = patience_s
        _wait_at_exit()
        with translated(self._place):
            # A slow reader may take long for a whole answer; `patiently` notices a silent server.
            self._store = self._connect(timedelta(hours=1))
            self._parts = self._connect(timedelta(seconds=_PATIENCE_FOR_A_PART * patience_s))

    async def get(self, name: str, start: int = 0) -> "GetResult":
        """Return the response to a GET of an object, from this byte on. Raises NoSuchObject."""
        async with self.patiently():
            return await obstore.get_async(self._store, name, options={"range": {"offset": start}} if start else None)

    async def put(self, name: str, body: bytes | bytearray) -> None:
        """Write a whole object."""
        async with self.patiently():
            await obstore.put_async(self._store, name, body, use_multipart=False)

    async def put_parts(self, name: str, parts: AsyncIterator[bytearray]) -> None:
        """Write an object in parts as they arrive. An error from their iterator aborts the upload."""
        with translated(self._place):
            await obstore.put_async(self._parts, name, parts, max_concurrency=1)

    async def has_any(self) -> bool:
        """Return whether there is any object."""
        async with self.patiently():
            async for objects in obstore.list(self._store, chunk_size=1):
                return bool(objects)
            return False

    async def has(self, name: str) -> bool:
        """Return whether an object of this name exists."""
        try:
            async with self.patiently():
                await obstore.head_async(self._store, name)
        except NoSuchObject:
            return False
        return True

    async def names(self) -> AsyncIterator[Sequence[str]]:
        """Yield the names of all objects, many at a time."""
        with translated(self._place):
            async for objects in obstore.list(self._store, chunk_size=_LISTED_AT_ONCE):
                yield [each["path"] for each in objects]

    async def remove(self, names: Sequence[str]) -> None:
        """Remove objects. A missing one counts as removed."""
        for start in range(0, len(names), _REMOVED_AT_ONCE):
            async with self.patiently():
                await obstore.delete_async(self._store, list(names[start : start + _REMOVED_AT_ONCE]))

    @asynccontextmanager
    async def patiently(self) -> AsyncIterator[None]:
        """Await an answer for at most `patience_s` seconds. Translate errors of obstore."""
        try:
            with translated(self._place):
                async with asyncio.timeout(self._patience_s):
                    yield
        except TimeoutError:
            raise BucketAway(
                f"the bucket {self._place} took too long to answer: look at the endpoint and the network, and try again"
            ) from None

    def _connect(self, timeout: timedelta) -> S3Store:
        tried_for = timedelta(seconds=self._patience_s * 0.8)  # within the time that an answer is waited for
        options: dict[str, Any] = {**self._options}
        if "AWS_PROFILE" in os.environ:
            options["credential_provider"] = _of_profile()
        return S3Store(
            client_options={
                "allow_http": self._options.get("endpoint", "").startswith("http://"),
                "connect_timeout": tried_for,
                "timeout": timeout,
            },
            retry_config={"max_retries": _MOST_RETRIES, "retry_timeout": tried_for},
            **options,
        )


@functools.cache
def _wait_at_exit() -> None:
    """Give obstore's threads time to finish before the interpreter exits.

    A thread that asks for Python's lock after that aborts the process (SIGABRT), and nothing tells when they are done.
    """
    atexit.register(time.sleep, _LAST_WORDS_S)


def _of_profile() -> Any:
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ModuleNotFoundError:
        raise ConfigError("AWS_PROFILE needs boto3: install it, or set AWS_ACCESS_KEY_ID in its place") from None
    return Boto3CredentialProvider()
