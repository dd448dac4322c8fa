"""Searches the logs, errors and output of a test for its keys, proofs and secrets.

Output is that of the test's own process, the part that `click`'s runner and `capsys` catch, and the output of child
processes from `child_output`. `pixstore-asgi secret` needs no exception: no test uses the secret that it prints.
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
"""A shorter text stands in for a proof in some tests, and may be part of any word."""


def spellings(hidden: bytes) -> set[str]:
    """Return the ways in which a key or secret may be written: as it is, in hex, and in base64 of either alphabet.

    They are unpadded, so they also match padded text.
    """
    hidden = bytes(hidden)  # a key of a record hides itself in a repr
    encoded = {encode(hidden).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    return {repr(hidden)[2:-1], hidden.hex(), hidden.hex().upper(), *encoded}


class Said:
    """The output of one test, and the secrets that must not be in it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._hidden = spellings(SECRET.encode()) | spellings(OTHER_SECRET.encode())

    def hide(self, key: bytes, proof: str) -> None:
        """Add a record's key and proof to the secrets."""
        self._hidden |= spellings(key)
        if len(proof) >= _SHORTEST_PROOF:
            self._hidden |= {proof, proof.replace("+", "-").replace("/", "_")}

    def leak(self) -> str | None:
        """Return the whole output if it holds a secret, otherwise None."""
        everything = "\n".join(filter(None, self.texts))
        return everything if any(text in everything for text in self._hidden) else None


@contextmanager
def listening(said: Said) -> Iterator[None]:
    """Note logs, errors and caught output, and the keys and proofs that are made or read."""
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
        self.texts += [self.format(record), repr(fields)]  # a formatter may write them


def _note_records(patched: pytest.MonkeyPatch, said: Said) -> None:
    create, parse = ImageRecord.create.__func__, ImageRecord.parse.__func__  # type: ignore[attr-defined]

    @wraps(create)
    def noted(cls: type[ImageRecord], /, *, unwrapped: Unwrapped, proof: str, **rest: Any) -> ImageRecord:
        said.hide(unwrapped.key, proof)
        record: ImageRecord = create(cls, unwrapped=unwrapped, proof=proof, **rest)
        return record

    @wraps(parse)
    def noted_parse(cls: type[ImageRecord], value: object) -> ImageRecord:
        record: ImageRecord = parse(cls, value)
        if record.sealed is None:
            said.hide(record.key, record.stateless_proof)
        return record

    patched.setattr(ImageRecord, "create", classmethod(noted))
    patched.setattr(ImageRecord, "parse", classmethod(noted_parse))


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
