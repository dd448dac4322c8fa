"""Uploads that stay in memory: a handler for the files of forms, and Django's ASGI handler for whole bodies.

Django writes longer uploads to temporary files, unencrypted: under WSGI the files of a form, under ASGI every body.
"""

import asyncio
import io
import time
import weakref
from threading import RLock
from typing import IO, Any

import django
from django.conf import settings
from django.core.exceptions import RequestAborted, RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from starlette.types import Receive

from ...asgi.http import header_values, send_json, single_value
from ...asgi.refused_uploads import RefusedUploads
from ...errors import ImageTooLarge, PixstoreError, StoreBusy
from ...pixstore import parts_of
from ...saving.options import UploadLimits
from ...saving.source import Patience
from ..answers import ErrorAnswers
from .middleware import note_refusal
from .setting import get_pixstore

_MOST_BYTES = 256 * 1024 * 1024
_FIELDS_BYTES = 2_621_440  # Django's default of DATA_UPLOAD_MAX_MEMORY_SIZE, if a project sets it to None


class UploadRefused(RequestDataTooBig):
    """An upload is refused while it arrives. Django answers 400, and PixstoreErrors the status of `error`."""

    def __init__(self, error: PixstoreError, request: HttpRequest | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        if request is not None:
            note_refusal(request, error)


def longest_request() -> int:
    """Return how many bytes a request may have: an image and the fields of a form.

    A project that takes several large images in one form raises FILE_UPLOAD_MAX_MEMORY_SIZE.
    """
    fields: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    in_memory: int = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    return max(in_memory, _limits().max_bytes + (_FIELDS_BYTES if fields is None else fields))


def _limits() -> UploadLimits:
    return parts_of(get_pixstore()).options.limits


class _Share:
    """The number of bytes that one buffer holds."""

    count = 0


class _Held:
    """Counts the bytes of all files, or of all bodies, in the memory of this process."""

    def __init__(self) -> None:
        self._lock = RLock()  # the garbage collector may drop another buffer meanwhile
        self._count = 0

    def add(self, share: _Share, count: int, most: int) -> bool:
        """Count further bytes, unless there would be more than `most`. Return whether they are counted."""
        with self._lock:
            if self._count + count > most:
                return False
            self._count += count
            share.count += count
            return True

    def remove(self, share: _Share) -> None:
        """Remove the bytes of a buffer."""
        with self._lock:
            self._count -= share.count
            share.count = 0


_files, _bodies = _Held(), _Held()


class UploadBuffer(io.BytesIO):
    """A file in memory for one file of a form, or for the body of a request. Closing or dropping it frees the memory.

    most: how many bytes it may have. is_body: whether it is a body. All bodies get at most half the memory: the files
    of their forms are copies, which would not fit otherwise, and then no upload would succeed.
    """

    def __init__(self, most: int, *, is_body: bool = False) -> None:
        super().__init__()
        self._most = most
        self._held, self._all = (_bodies, _MOST_BYTES // 2) if is_body else (_files, _MOST_BYTES)
        self._share = _Share()
        self._free = weakref.finalize(self, self._held.remove, self._share)

    def add(self, data: bytes) -> PixstoreError | None:
        """Append bytes. If they are too many, free the memory and return the error."""
        error: PixstoreError
        if self._share.count + len(data) > self._most:
            error = _too_long(self._most)
        elif self._held.add(self._share, len(data), max(self._all, 2 * self._most)):
            self.write(data)
            return None
        else:
            error = StoreBusy("the uploads in memory have reached the limit of this process")
        self.close()
        return error

    def close(self) -> None:
        """Free the memory."""
        self._free()
        super().close()


class MemoryUploadHandler(FileUploadHandler):
    """Keeps the files of forms in memory, and refuses a longer request while it arrives. It never writes to the disk.

    `FILE_UPLOAD_HANDLERS = ["pixstore_asgi.integrations.django.MemoryUploadHandler"]`. The parsers of Django REST
    framework use the same setting. One request may have `max_image_bytes` and DATA_UPLOAD_MAX_MEMORY_SIZE, or
    FILE_UPLOAD_MAX_MEMORY_SIZE if that is more; a longer one gets 413. All uploads of a process have at most 256 MiB of
    buffers, or two of the longest requests and copies of their files if that is more; beyond that uploads get 503.
    Checking and saving pictures needs up to twice as much again.
    """

    file: UploadBuffer
    _error: PixstoreError | None

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a request that is too long by its header."""
        self._left = longest_request()
        if self.request is not None and (error := _error_of_length(self.request.META.get("CONTENT_LENGTH"))):
            raise UploadRefused(error, self.request)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file, which no other handler gets."""
        super().new_file(*args, **kwargs)
        self.file, self._error = UploadBuffer(self._left), None
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep a piece of the file, or drop it if the file is refused."""
        if self._error is None:
            self._error = self.file.add(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[Any]":
        """Return the file, or refuse the upload.

        Raises:
            UploadRefused: The file was too long. It is raised only here, because the parser's frames have no image now.
        """
        if self._error is not None:
            raise UploadRefused(self._error, self.request)
        self._left -= file_size
        self.file.seek(0)
        return InMemoryUploadedFile(
            self.file,
            self.field_name,
            self.file_name,
            self.content_type,
            file_size,
            self.charset,
            self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        """Free the file of a form that ended within it."""
        self.file.close()


class MemoryASGIHandler(ASGIHandler):
    """Django's ASGI handler, which keeps the bodies of requests in memory and refuses too long ones while they arrive.

    Django's own handler writes a body above FILE_UPLOAD_MAX_MEMORY_SIZE to a temporary file before it calls any
    middleware. A body that stalls is refused after the Pixstore's `upload_timeout_s`, as its uploads are.
    """

    def __init__(self) -> None:
        super().__init__()
        handle: Any = super().__call__
        self._app = RefusedUploads(handle)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, and drop the rest of a refused body before the answer."""
        await self._app(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        length = single_value(header_values(scope, b"content-length"), repeated="")
        error: PixstoreError | None = _error_of_length(length)
        try:
            if error is None:
                await super().handle(scope, receive, send)
        except UploadRefused as refused:
            error = refused.error
        if error is not None:
            status, content, headers = _answers.answer(error, has_if_match=False)
            retry_after = [(b"retry-after", value.encode()) for name, value in headers.items() if name == "retry-after"]
            await send_json(status, content, retry_after, scope, send)

    async def read_body(self, receive: Any) -> IO[bytes]:
        """Return the body of a request, as a file in memory."""
        body = UploadBuffer(longest_request(), is_body=True)
        try:
            await _read(body, receive)
        except BaseException:
            body.close()
            raise
        body.seek(0)
        return body


def get_asgi_application() -> ASGIHandler:
    """Set Django up and return its ASGI application, which never writes an upload to the disk.

    Use it instead of `django.core.asgi.get_asgi_application`.
    """
    django.setup(set_prefix=False)
    return MemoryASGIHandler()


async def _read(body: UploadBuffer, receive: Receive) -> None:
    patience = Patience(_limits())
    while True:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(patience.limit_s):
                message = await receive()
        except TimeoutError:
            raise UploadRefused(patience.error()) from None
        if message["type"] == "http.disconnect":
            raise RequestAborted
        data = message.get("body", b"")
        patience.note(time.monotonic() - begun, len(data))
        if error := body.add(data):
            del message, data
            raise UploadRefused(error)
        if not message.get("more_body", False):
            return


_answers = ErrorAnswers()


def _error_of_length(content_length: str | None) -> ImageTooLarge | None:
    length, most = content_length or "", longest_request()
    return _too_long(most) if length.isdecimal() and int(length) > most else None


def _too_long(most: int) -> ImageTooLarge:
    return ImageTooLarge(f"the upload is longer than {most} bytes")
