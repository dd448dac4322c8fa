"""Padded standard base64 in canonical form (RFC 4648, sections 3.5 and 4)."""

import binascii


def encode_base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of a text, or None if the text is not the canonical form."""
    try:
        value = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    # The decoder accepts unused bits that are set in the last character.
    return value if encode_base64(value) == text else None
