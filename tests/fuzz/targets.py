"""What is fuzzed: each target takes any bytes, and raises only where something is wrong with this package.

It returns whether the bytes were good ones.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache

from pixstore_asgi.core.formats import FORMAT_BYTES, SNIFF_BYTES, check_formats, sniff
from pixstore_asgi.core.proof import ProofKeys, ProofTerms, ProofWindows
from pixstore_asgi.core.record import ImageRecord
from pixstore_asgi.core.requests import MAX_IMAGES, parse_batch
from pixstore_asgi.core.strip import find_stripper
from pixstore_asgi.core.wire import decode_payload, encode_state, encode_updated_head
from pixstore_asgi.errors import InvalidImage, ProofError, RecordError, WireError, WireState
from tests.support.rings import ring_of
from tests.support.samples import SECRET

_ALL = check_formats(list(FORMAT_BYTES))
_NOW_MS = 1_735_689_600_000


def wire(data: bytes) -> bool:
    """A payload is refused by WireError, or equals the encoding of its parts."""
    try:
        payload = decode_payload(data)
    except WireError:
        return False
    head = encode_state(payload.state)
    if payload.state is WireState.UPDATED:
        assert payload.token is not None
        assert payload.key
        assert payload.iv
        assert payload.tag
        head = encode_updated_head(payload.token, payload.key, payload.iv, payload.tag)
    assert head + (payload.ciphertext or b"") == data
    return True


def proof(data: bytes) -> bool:
    """Only the issued proof is valid, and no change of its characters is."""
    keys, good = _proofs()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    try:
        keys.verify(ProofTerms(), text, image_id="an-image", token=1, now_ms=_NOW_MS)
    except ProofError:
        return False
    assert text == good
    return True


def batch(data: bytes) -> bool:
    """A batch is none, or names at most MAX_IMAGES images, each once."""
    requests = parse_batch(data)
    if requests is None:
        return False
    assert 1 <= len({request.image_id for request in requests}) == len(requests) <= MAX_IMAGES
    return True


def record(data: bytes) -> bool:
    """A record is refused by RecordError, or parses to the same again."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    try:
        parsed = ImageRecord.parse(value)
    except RecordError:
        return False
    assert ImageRecord.parse(json.loads(json.dumps(parsed))) == parsed
    return True


def formats(data: bytes) -> bool:
    """An image is one or none, however its bytes are cut into pieces."""
    whole = _read(data, len(data) or 1)
    assert all(_read(data, piece) == whole for piece in _pieces(data))
    return whole is not None


def strip(data: bytes) -> bool:
    """Without metadata an image is still one, however its bytes were cut, and has none to strip any more."""
    whole = _stripped(data, len(data) or 1)
    assert all(_stripped(data, piece) == whole for piece in _pieces(data))
    if whole is not None and _read(data, len(data)):
        assert _read(whole, len(whole))
        assert _stripped(whole, len(whole)) == whole
    return whole is not None


TARGETS: dict[str, Callable[[bytes], bool]] = {
    target.__name__: target for target in (wire, proof, batch, record, formats, strip)
}


@cache
def _proofs() -> tuple[ProofKeys, str]:
    keys = ProofKeys(ring_of(SECRET), ProofWindows())
    return keys, keys.issue(ProofTerms(), image_id="an-image", token=1, now_ms=_NOW_MS)


def _pieces(data: bytes) -> Iterator[int]:
    yield from (1, 7, 64) if len(data) < 4096 else (64, 1000)


def _read(data: bytes, piece: int) -> str | None:
    try:
        reader = sniff(data[:SNIFF_BYTES], _ALL)
        for start in range(0, len(data), piece):
            list(reader.feed(data[start : start + piece]))
        reader.finish()
    except InvalidImage:
        return None
    return reader.name


def _stripped(data: bytes, piece: int) -> bytes | None:
    stripper = find_stripper(data[:SNIFF_BYTES])
    if stripper is None:
        return None
    kept = b""
    try:
        for start in range(0, len(data), piece):
            kept += stripper.feed(data[start : start + piece])
        stripper.finish()
    except InvalidImage:
        return None
    return kept
