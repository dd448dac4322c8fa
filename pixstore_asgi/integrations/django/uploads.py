"""Uploads that stay in memory: a handler for the files of forms, and Django's ASGI handler for whole bodies.

Django writes longer uploads to temporary files, unencrypted: under WSGI the files of a form, under ASGI every body.
"""

import asyncio
import time
from typing import IO, Any

import django
from django.core.exceptions import RequestAborted, RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from starlette.types import Receive

from ...asgi.http import header_values, send_json, single_value
from ...asgi.refused_uploads import RefusedUploads
from ...errors import PixstoreError
from ...saving.source import Patience
from ..answers import ErrorAnswers
from .middleware import note_refusal
from .upload_memory import UploadBuffer, error_of_length, longest_request, upload_limits


class UploadRefused(RequestDataTooBig):
    """An upload is refused while it arrives. Django answers 400, and PixstoreErrors the status of `error`."""

    def __init__(self, error: PixstoreError, request: HttpRequest | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        if request is not None:
            note_refusal(request, error)


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
        if self.request is not None and (error := error_of_length(self.request.META.get("CONTENT_LENGTH"))):
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
        error: PixstoreError | None = error_of_length(length)
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
    patience = Patience(upload_limits())
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
