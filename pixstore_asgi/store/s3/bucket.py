"""S3Bucket: keeps bodies as objects below a prefix of a bucket."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from ...core.images import StoredImage
from ...core.options import check_numbers
from ...errors import StoreError
from ...process import PerLoop
from ..chunk_stream import ChunkStream
from ..objects import Owner
from .objects import Objects, Place
from .streams import S3Upload, Uploads, open_object


class S3Bucket:
    """Keeps bodies as objects below a prefix of a bucket, each under the hexadecimal name of its version.

    A forked child of a process that has used a bucket opens it with its own copy of obstore (15 MB of memory).

    Args:
        url: s3://bucket/prefix. For a server that is not Amazon's, add `?endpoint=`, unless AWS_ENDPOINT_URL names it.
            Add `?region=` if needed. Credentials come from the usual places: AWS_* in the environment, a web identity,
            the role of a container or machine, or a profile (AWS_PROFILE) if boto3 is installed.
        busy_timeout_s: How long to retry a request, or wait for a silent server, before StoreBusy, in seconds.

    Raises:
        ConfigError: The URL is not valid.
    """

    smallest_bytes = 0

    def __init__(self, url: str, *, busy_timeout_s: float = 10.0) -> None:
        check_numbers(busy_timeout_s=busy_timeout_s)
        self._place = Place.of(url)
        self._busy_timeout_s = busy_timeout_s
        self._clients: PerLoop[Objects] = PerLoop(lambda objects: None)
        self._counts: Counter[str] = Counter()

    @property
    def place(self) -> tuple[str, str, str | None]:
        """Bucket, prefix and endpoint. Two URLs of the same place have equal values."""
        bucket, prefix, endpoint, _ = self._place
        return bucket, prefix, endpoint

    def __str__(self) -> str:
        return str(self._place)

    @property
    def uploads(self) -> Uploads:
        """Counts of the uploads to this bucket in this process so far."""
        return Uploads(**self._counts)

    async def open(self) -> None:
        if self._clients.get() is None:
            objects = Objects(self._place, self._busy_timeout_s)
            await objects.check()
            self._clients.put(objects)

    async def attach(self, read_owner: Callable[[], Awaitable[Owner]]) -> bool:
        return False

    async def has_owner(self) -> bool:
        return False

    def add_owner(self, database_id: bytes) -> None:
        """Do nothing: a bucket knows no ids of databases."""

    async def is_empty(self) -> bool:
        """Return whether the prefix has no objects."""
        return not await self._opened().has_any()

    async def close(self) -> None:
        self._clients.pop()

    def upload(self, name: str) -> S3Upload:
        return S3Upload(self._opened(), name, self._counts)

    async def open_stream(self, image: StoredImage, name: str) -> ChunkStream:
        return open_object(self._opened(), image, name)

    async def has(self, name: str) -> bool:
        return await self._opened().has(name)

    async def remove(self, names: Sequence[str]) -> None:
        await self._opened().remove(names)

    async def unfinished(self) -> Mapping[str, str]:
        return {}  # a lifecycle rule of the bucket aborts them

    async def remove_unfinished(self, parts: Sequence[str]) -> None:
        """Do nothing: `unfinished` names no parts."""

    def names(self) -> AsyncIterator[Sequence[str]]:
        return self._opened().names()

    def _opened(self) -> Objects:
        objects = self._clients.get()
        if objects is None:
            raise StoreError("the store is closed: open it first")
        return objects
