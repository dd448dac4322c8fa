"""What is never to be said: the keys, proofs and secrets of a test, looked for in what is logged, raised and printed.

Printed is what a test's own process writes, what `click`'s runner and `capsys` catch of that, and what `child_output`
has of processes that tests start. `pixstore-asgi secret` is no exception: what it prints is nobody's secret yet.
"""

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import ImageRecord, PixstoreError
from pixstore_asgi.core.images import Unwrapped
from tests.support.samples import OTHER_SECRET, SECRET

_USUAL_FIELDS = vars(logging.makeLogRecord({})).keys()
_SHORTEST_PROOF = 16
"""What is shorter stands in for a proof, and may be part of any word."""


def spellings(hidden: bytes) -> set[str]:
    """Return the ways in which a key or secret may be written: as it is, in hex, and in base64 of either alphabet.

    They are unpadded, so they are found in what is padded too.
    """
    hidden = bytes(hidden)  # a key of a record hides itself in a repr
    encoded = {encode(hidden).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    return {repr(hidden)[2:-1], hidden.hex(), hidden.hex().upper(), *encoded}


class Said:
    """What one test said, and what it must not have said."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._hidden = spellings(SECRET.encode()) | spellings(OTHER_SECRET.encode())

    def hide(self, key: bytes, proof: str) -> None:
        """Count a record's key and proof among what must not be said."""
        self._hidden |= spellings(key)
        if len(proof) >= _SHORTEST_PROOF:
            self._hidden |= {proof, proof.replace("+", "-").replace("/", "_")}

    def leak(self) -> str | None:
        """Return all that was said, where something hidden stands in it."""
        everything = "\n".join(filter(None, self.texts))
        return everything if any(text in everything for text in self._hidden) else None


@contextmanager
def listening(said: Said) -> Iterator[None]:
    """Note what is logged, raised and caught of what is printed, and the keys and proofs that are made or read."""
    log, handler = logging.getLogger("pixstore_asgi"), _Handler(said.texts)
    with pytest.MonkeyPatch.context() as patched:
        _note_records(patched, said)
        _note_errors(patched, said)
        _note_caught_output(patched, said)
        patched.setattr(log, "level", logging.DEBUG)
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)


class _Handler(logging.Handler):
    """Keeps every line of a log, tracebacks too."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__()
        self.texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        fields = {name: value for name, value in vars(record).items() if name not in _USUAL_FIELDS}
        self.texts += [self.format(record), repr(fields)]  # which a formatter may write


def _note_records(patched: pytest.MonkeyPatch, said: Said) -> None:
    create = ImageRecord.create.__func__  # type: ignore[attr-defined]

    @wraps(create)
    def noted(cls: type[ImageRecord], /, *, unwrapped: Unwrapped, proof: str, **rest: Any) -> ImageRecord:
        said.hide(unwrapped.key, proof)
        record: ImageRecord = create(cls, unwrapped=unwrapped, proof=proof, **rest)
        return record

    patched.setattr(ImageRecord, "create", classmethod(noted))


def _note_errors(patched: pytest.MonkeyPatch, said: Said) -> None:
    init = PixstoreError.__init__

    def noted(self: PixstoreError, *args: Any) -> None:
        said.texts.extend(map(str, args))
        init(self, *args)

    patched.setattr(PixstoreError, "__init__", noted)


def _note_caught_output(patched: pytest.MonkeyPatch, said: Said) -> None:
    invoke, read = CliRunner.invoke, pytest.CaptureFixture.readouterr

    @wraps(invoke)
    def noted_invoke(self: CliRunner, *args: Any, **options: Any) -> Result:
        result = invoke(self, *args, **options)
        said.texts.append(result.output)
        return result

    @wraps(read)
    def noted_read(self: pytest.CaptureFixture[Any]) -> Any:
        caught = read(self)
        said.texts.extend(text if isinstance(text, str) else repr(text) for text in caught)
        return caught

    patched.setattr(CliRunner, "invoke", noted_invoke)
    patched.setattr(pytest.CaptureFixture, "readouterr", noted_read)
