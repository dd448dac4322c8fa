"""S3Bucket: a prefix of a bucket as a place for bodies, through obstore."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.store import S3Store

from ...core.images import StoredImage
from ...errors import ConfigError, StoreBusy, StoreError
from .download import S3Stream
from .errors import NoSuchObject, translated
from .upload import S3Upload

if TYPE_CHECKING:
    from obstore import GetResult

_URL = "blobs is s3://bucket/prefix, and behind ? endpoint=URL or region=name"
_PROBE = "is-this-bucket-there"
_PART_TIMEOUT = "60 seconds"
_REMOVED_AT_ONCE = 1000  # as many as S3 takes in one request


class S3Bucket:
    """Keeps bodies as objects below a prefix of a bucket, each under the hexadecimal name of its version.

    url: s3://bucket/prefix, and behind it `?endpoint=` for a server that is not Amazon's and `?region=`. Credentials
        come from where that ecosystem has them: AWS_* in the environment, a web identity, the role of a container or
        machine; and a profile (AWS_PROFILE) where boto3 is installed.
    busy_timeout_s: how long a request is tried again, or a silent server waited for, before StoreBusy, in seconds.

    Raises ConfigError for a URL that can't be. Open it after a fork: the connections' threads do not outlive one.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 10.0) -> None:
        self._bucket, self._prefix, self._options = _parsed(url)
        self._busy_timeout_s = busy_timeout_s
        self._objects: tuple[S3Store, S3Store] | None = None  # for what is waited for here, and for parts of uploads

    async def open(self) -> None:
        if self._objects is not None:
            return
        with translated():
            # A slow reader takes a whole answer's time; that a server is silent is noticed by who reads.
            self._objects = (self._connect("1 hour"), self._connect(_PART_TIMEOUT))
        try:
            await self.get(_PROBE, 0)
        except NoSuchObject:
            return  # the bucket is there and answers
        except BaseException:
            self._objects = None
            raise

    async def close(self) -> None:
        self._objects = None

    def upload(self, name: str) -> S3Upload:
        return S3Upload(self, name)

    def stream(self, image: StoredImage, name: str) -> S3Stream:
        return S3Stream(self, image, name)

    async def remove(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), _REMOVED_AT_ONCE):
            async with self._asking() as objects:
                await obstore.delete_async(objects, list(names[start : start + _REMOVED_AT_ONCE]))

    async def get(self, name: str, start: int) -> "GetResult":
        """Return an object's answer, whose body begins at a byte. Raises NoSuchObject, StoreError."""
        async with self._asking() as objects:
            return await obstore.get_async(objects, name, options={"range": {"offset": start}} if start else None)

    async def put(self, name: str, body: bytes | bytearray) -> None:
        """Write a whole object."""
        async with self._asking() as objects:
            await obstore.put_async(objects, name, body, use_multipart=False)

    async def put_parts(self, name: str, parts: AsyncIterator[bytes | bytearray]) -> None:
        """Write an object in parts while they come; an error of theirs aborts it."""
        _, objects = self._opened()
        with translated():
            await obstore.put_async(objects, name, parts, max_concurrency=1)

    @property
    def patience_s(self) -> float:
        """How long a server that says nothing is waited for, in seconds."""
        return self._busy_timeout_s

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[S3Store]:
        objects, _ = self._opened()
        try:
            with translated():
                async with asyncio.timeout(self._busy_timeout_s):
                    yield objects
        except TimeoutError:
            raise StoreBusy("the bucket took too long to answer: try again") from None

    def _opened(self) -> tuple[S3Store, S3Store]:
        if self._objects is None:
            raise StoreError("the store is closed: open it first")
        return self._objects

    def _connect(self, timeout: str) -> S3Store:
        tried_for = timedelta(seconds=self._busy_timeout_s * 0.8)  # within the time that an answer is waited for
        options: dict[str, Any] = {**self._options, "prefix": self._prefix}
        if os.environ.get("AWS_PROFILE") and not os.environ.get("AWS_ACCESS_KEY_ID"):
            options["credential_provider"] = _of_profile()
        return S3Store(
            self._bucket,
            client_options={
                "allow_http": self._options.get("endpoint", "").startswith("http://"),
                "connect_timeout": tried_for,
                "timeout": timeout,
            },
            retry_config={"max_retries": 10, "retry_timeout": tried_for},
            **options,
        )


def _parsed(url: str) -> tuple[str, str, dict[str, str]]:
    """Return bucket, prefix and options of a URL. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ConfigError(_URL) from None
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or options.keys() - {"endpoint", "region"}:
        raise ConfigError(_URL)
    return parts.netloc, parts.path.strip("/"), options


def _of_profile() -> Any:
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ModuleNotFoundError:
        raise ConfigError("AWS_PROFILE needs boto3: install it, or set AWS_ACCESS_KEY_ID in its place") from None
    return Boto3CredentialProvider()
