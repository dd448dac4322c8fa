"""Objects: requests to a prefix of a bucket through obstore, with bounded retries and a time limit for silent servers.

Errors of obstore become StoreErrors without obstore's texts, which name keys and may quote signed requests.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from ...errors import ConfigError, ImageTooLarge, PixstoreError, StoreBusy, StoreDamaged, StoreError, StoreFull
from .library import library

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import BackoffConfig, S3Store

_FORM = "blobs must be a folder or s3://bucket/prefix, optionally with ?endpoint=URL or ?region=name"
_REFUSALS = {
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY is not the one of AWS_ACCESS_KEY_ID",
    "InvalidAccessKeyId": "it does not know this AWS_ACCESS_KEY_ID",
    "ExpiredToken": "AWS_SESSION_TOKEN has expired",
}
_NONE = "no credentials for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"
_LISTED_AT_ONCE = 1000
_REMOVED_AT_ONCE = 1000  # as many as S3 takes in one request
_MOST_RETRIES = 10
_PATIENCE_FOR_A_PART = 3  # times `patience_s`, because a part has 5 MiB
# Of MinIO (507, 400), Ceph (403) and others.
_FULL = re.compile(r"<Code>\w*(StorageFull|QuotaExceeded|InsufficientStorage)\w*</Code>|status code: 507\b")
_PROBE = "is-this-bucket-there"
CUT_SHORT = "the bucket's answer was cut short: check the network and its proxies, and try again"


class BucketAway(StoreBusy):
    """The bucket can't be reached, or does not answer."""

    away = "bucket"


class NoSuchObject(StoreDamaged):
    """The bucket has no object of this name."""


class Place(NamedTuple):
    """The location of bodies. endpoint, region: None means the one from the environment, or Amazon's."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None

    def __str__(self) -> str:
        at = f" at {self.endpoint}" if self.endpoint else ""
        return f"s3://{self.bucket}{'/' if self.prefix else ''}{self.prefix}{at}"

    @classmethod
    def of(cls, url: str, form: str = _FORM) -> "Place":
        """Return the place for a URL. The endpoint may also come from AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.

        form: the accepted URLs, for messages. Raises ConfigError. Its message leaves out every part of the URL that may
        be a credential.
        """
        try:
            parts = urlsplit(url)
            options = parse_qsl(parts.query, strict_parsing=bool(parts.query))
        except ValueError:
            raise ConfigError(form) from None
        if complaint := _complaint(url, parts, [name for name, _ in options]):
            raise ConfigError(f"{complaint}: {form}")
        given = dict(options)
        endpoint = _endpoint(given.get("endpoint"))
        if endpoint is not None and not re.fullmatch(r"https?://[^/@?#\s]+(/[^@?#\s]*)?", endpoint):
            raise ConfigError("the endpoint of the bucket must begin with http:// or https://, and hold no credentials")
        return cls(parts.netloc, parts.path.strip("/"), endpoint, given.get("region"))


class Objects:
    """Requests for the objects below a prefix. Methods raise StoreError, or StoreBusy if a retry may help.

    patience_s: how long a request is retried, and how long to wait for a silent server, in seconds.
    """

    def __init__(self, place: Place, patience_s: float) -> None:
        self._place = place
        self._options = {name: value for name, value in place._asdict().items() if value is not None}
        self._patience_s = patience_s
        self._library = library()
        with translated(self._place):
            # A slow reader may take long for a whole answer. `patiently` has the limit for a silent server.
            self._store = self._connect(timedelta(hours=1))
            self._parts = self._connect(timedelta(seconds=_PATIENCE_FOR_A_PART * patience_s))

    async def check(self) -> None:
        """Raise StoreError if the bucket does not exist, does not answer or refuses the credentials."""
        with suppress(NoSuchObject):  # this answer shows that the bucket exists
            await self.get(_PROBE)

    async def get(self, name: str, start: int = 0) -> "GetResult":
        """Return the response to a GET of an object, from byte `start` on. Raises NoSuchObject."""
        async with self.patiently():
            options = {"range": {"offset": start}} if start else None
            result: GetResult = await self._library.get_async(self._store, name, options=options)
            return result

    async def read(self, name: str, *, max_bytes: int) -> tuple[bytes, datetime]:
        """Return a whole object and the time of its last change. Raises NoSuchObject, or ImageTooLarge if it is longer
        than `max_bytes`.
        """
        result = await self.get(name)
        size, body = result.meta["size"], bytearray()
        if size > max_bytes:
            raise ImageTooLarge(f"its object has {size} bytes, which is more than max_image_bytes allows")
        pieces = aiter(result.stream())
        while len(body) < size:
            async with self.patiently():
                piece = await anext(pieces, None)
            if piece is None:
                raise BucketAway(CUT_SHORT)
            body += memoryview(piece)
        return bytes(body), result.meta["last_modified"]

    async def put(self, name: str, body: bytes | bytearray) -> None:
        """Write a whole object with one request."""
        async with self.patiently():
            await self._library.put_async(self._store, name, body, use_multipart=False)

    async def put_parts(self, name: str, parts: AsyncIterator[bytearray]) -> None:
        """Write an object in parts as they arrive. If `parts` raises an error, abort the upload."""
        with translated(self._place):
            await self._library.put_async(self._parts, name, parts, max_concurrency=1)

    async def has_any(self) -> bool:
        """Return whether the prefix has any object."""
        async with self.patiently():
            async for objects in self._library.list(self._store, chunk_size=1):
                return bool(objects)
            return False

    async def has(self, name: str) -> bool:
        """Return whether an object of this name exists."""
        try:
            async with self.patiently():
                await self._library.head_async(self._store, name)
        except NoSuchObject:
            return False
        return True

    async def names(self) -> AsyncIterator[Sequence[str]]:
        """Yield the names of all objects, many at a time."""
        with translated(self._place):
            async for objects in self._library.list(self._store, chunk_size=_LISTED_AT_ONCE):
                yield [each["path"] for each in objects]

    async def remove(self, names: Sequence[str]) -> None:
        """Remove objects by name. A missing one counts as removed."""
        for start in range(0, len(names), _REMOVED_AT_ONCE):
            async with self.patiently():
                await self._library.delete_async(self._store, list(names[start : start + _REMOVED_AT_ONCE]))

    @asynccontextmanager
    async def patiently(self) -> AsyncIterator[None]:
        """Limit the block to `patience_s` seconds, else raise BucketAway. Translate errors of obstore."""
        try:
            with translated(self._place):
                async with asyncio.timeout(self._patience_s):
                    yield
        except TimeoutError:
            raise BucketAway(
                f"the bucket {self._place} took too long to answer: check the endpoint and the network, and try again"
            ) from None

    def _connect(self, timeout: timedelta) -> "S3Store":
        tried_for = timedelta(seconds=self._patience_s * 0.8)  # ends before the time limit of `patiently`
        # A pause begins before `tried_for` ends. A long one would hide the server's last answer behind the time limit.
        pauses: BackoffConfig = {"init_backoff": tried_for / 80, "max_backoff": tried_for / 8, "base": 2}
        options: dict[str, Any] = {**self._options}
        if "AWS_PROFILE" in os.environ:
            options["credential_provider"] = _of_profile()
        store: S3Store = self._library.store.S3Store(
            client_options={
                "allow_http": self._options.get("endpoint", "").startswith("http://"),
                "connect_timeout": tried_for,
                "timeout": timeout,
            },
            retry_config={"max_retries": _MOST_RETRIES, "retry_timeout": tried_for, "backoff": pauses},
            **options,
        )
        return store


def _of_profile() -> Any:
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ModuleNotFoundError:
        raise ConfigError("AWS_PROFILE needs boto3: install it, or set AWS_ACCESS_KEY_ID instead") from None
    return Boto3CredentialProvider()


def _complaint(url: str, parts: SplitResult, names: list[str]) -> str | None:
    """Return a message about the mistake in a URL, or None."""
    if not url:
        return "blobs is empty: leave it out, or None, to keep bodies in the database"
    if "@" in parts.netloc:
        return "credentials belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not into the URL"
    if parts.scheme != "s3" or not parts.netloc:
        return "this is not the URL of a bucket"
    prefix = parts.path.strip("/")
    if prefix and not {"", ".", ".."}.isdisjoint(prefix.split("/")):
        return "no part of the prefix may be empty, . or .."
    unknown = [name for name in names if name not in ("endpoint", "region")]
    if unknown:
        # A name that is not plain may be part of a secret with a ? in it.
        return f"there is no option {unknown[0]}" if re.fullmatch("[a-z_]{1,32}", unknown[0]) else "no such option"
    return "an option occurs twice" if len(set(names)) < len(names) else None


def _endpoint(given: str | None) -> str | None:
    of_s3 = os.environ.get("AWS_ENDPOINT_URL_S3")
    if given and of_s3 and given != of_s3:  # newer versions of obstore would use the variable
        raise ConfigError("the bucket's URL and AWS_ENDPOINT_URL_S3 name different endpoints: leave one of them out")
    return given or of_s3 or os.environ.get("AWS_ENDPOINT_URL") or None


@contextmanager
def translated(place: Place) -> Iterator[None]:
    """Translate errors of obstore into StoreErrors with advice."""
    try:
        yield
    except PixstoreError:
        raise
    except (library().exceptions.BaseError, OSError, ValueError) as error:
        # obstore keeps its last error until its next call. The error's traceback would keep the connections open.
        raise _translate(error.with_traceback(None), place) from None


def _translate(error: Exception, place: Place) -> StoreError:
    text, kinds = str(error), library().exceptions
    status = re.search(r"status code: (\d{3})", text)
    if "<Code>NoSuchBucket</Code>" in text:
        return StoreError(f"the bucket {place.bucket} does not exist: create it, or name another one")
    if _FULL.search(text):
        return StoreFull(f"the bucket {place} is full, or its quota is used up: make room and try again")
    if isinstance(error, kinds.InvalidPathError):
        return StoreError(
            "the bucket can't be listed, because a key below the prefix has an empty part, . or ..: rename that object"
        )
    if isinstance(error, kinds.NotFoundError | FileNotFoundError):
        return NoSuchObject("there is no such object in the bucket")
    if missing := re.search(r"Missing(AccessKeyId|SecretAccessKey)\b", text):
        name = "AWS_ACCESS_KEY_ID" if missing[1] == "AccessKeyId" else "AWS_SECRET_ACCESS_KEY"
        return StoreError(f"half of the credentials for the bucket are missing: set {name} too")
    if "://169.254.169.254/" in text:  # without any credentials, obstore asks the machine's metadata service for a role
        return StoreError(_NONE)
    is_refused = isinstance(error, kinds.PermissionDeniedError | kinds.UnauthenticatedError)
    if is_refused or (status and status[1] in ("401", "403")):
        code = re.search(r"<Code>(\w+)</Code>", text)
        reason = _REFUSALS.get(code[1] if code else "", "see AWS_ACCESS_KEY_ID and the bucket's policy")
        return StoreError(f"the bucket refused the credentials or their permissions: {reason}")
    if status and status[1].startswith("4") and status[1] not in ("408", "429"):
        return StoreError(f"the bucket refused a request with status {status[1]}: check region and endpoint")
    if "credential" in text.lower():
        return StoreError(_NONE)
    return BucketAway(
        f"the bucket {place} can't be reached or is overloaded: check the endpoint and the network, and try again"
    )
