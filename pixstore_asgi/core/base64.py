"""Padded standard base64 with one spelling for each value (RFC 4648, sections 3.5 and 4)."""

import binascii


def encode_base64(value: bytes) -> str:
    """Return the text of some bytes."""
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of a text, or None for one that `encode_base64` would not have written."""
    try:
        value = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    # Unused bits of the last character may be set.
    return value if encode_base64(value) == text else None
