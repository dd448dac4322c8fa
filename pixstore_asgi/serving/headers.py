"""The HTTP status and headers of a wire payload (docs/wire-format.md)."""

from ..errors import WireState

RawHeaders = list[tuple[bytes, bytes]]
"""Headers as ASGI has them: pairs of lower-case name and value."""

PAYLOAD_HEADERS: RawHeaders = [
    (b"content-type", b"application/octet-stream"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # Without it a host's compressing middleware would spend its time on ciphertext.
    (b"content-encoding", b"identity"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""What every response with ciphertext has; a batch has these alone, for its images are opened while it is sent."""

BLOB_HEADERS: RawHeaders = [
    (b"content-type", b"application/octet-stream"),
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-encoding", b"identity"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"accept-ranges", b"bytes"),
]
"""What every response with the bare ciphertext of a version has: its bytes never change."""

_STATE_HEADERS = {state: (b"x-pixstore-state", state.label.encode()) for state in WireState}


def payload_status(state: WireState) -> int:
    """Return the HTTP status of a wire payload: 200, or 400 for a request without an id."""
    return 400 if state is WireState.MISSING_ID else 200


def payload_headers(state: WireState, size: int) -> RawHeaders:
    """Return the headers of a wire payload of `size` bytes."""
    return [*PAYLOAD_HEADERS, (b"content-length", str(size).encode()), _STATE_HEADERS[state]]
