"""What is never to be said: the keys, proofs and secrets of a test, looked for in all that is logged and raised."""

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest

from pixstore_asgi import ImageRecord, PixstoreError
from tests.support.samples import OTHER_SECRET, SECRET


class Said(logging.Handler):
    """Keeps every line of this package's log, tracebacks too, and the text of every error it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@contextmanager
def nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where a key, proof or secret that the block made stands in a log line or an error of this package."""
    said, hidden = Said(), {SECRET, OTHER_SECRET}
    create, init = ImageRecord.create.__func__, PixstoreError.__init__  # type: ignore[attr-defined]

    @wraps(create)
    def noted_create(cls: type[ImageRecord], /, *, key: bytes, proof: str, **rest: Any) -> ImageRecord:
        hidden.update((proof, key.hex(), repr(key)[2:-1], base64.b64encode(key).decode()))
        record: ImageRecord = create(cls, key=key, proof=proof, **rest)
        return record

    def noted_init(self: PixstoreError, *args: Any) -> None:
        said.texts.extend(map(str, args))
        init(self, *args)

    log = logging.getLogger("pixstore_asgi")
    with monkeypatch.context() as patched:
        patched.setattr(ImageRecord, "create", classmethod(noted_create))
        patched.setattr(PixstoreError, "__init__", noted_init)
        patched.setattr(log, "level", logging.DEBUG)
        log.addHandler(said)
        try:
            yield
        finally:
            log.removeHandler(said)
    everything = "\n".join(said.texts)
    leaked = [text for text in hidden if text in everything]
    assert not leaked, everything
