"""Padding behind an image, so that the length of its ciphertext does not tell which image it is.

Lengths are rounded up as Padmé does: of a length's bits only the first few are kept, as many as it takes to write how
many there are. What a length of up to L bytes tells is O(log log L) bits then, as if it were rounded up to a power of
two. Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", Proceedings
on Privacy Enhancing Technologies 2019(4), section 4, algorithm 1.
"""

import struct

_BOX_HEAD = struct.Struct(">I4s")


def bucket_bytes(size: int) -> int:
    """Return the length of the bucket that `size` bytes, at least 1, belong to: the next of 1 to 8, 10, 12, 14, 16, 18…

    At most 12 % more, 6.25 % from 256 bytes on and 3.2 % from 64 KiB on; a bucket's own length is returned as it is.
    """
    mask = _rounded_bits(size)
    return (size + mask) & ~mask


def padding(name: str, size: int) -> bytes:
    """Return what goes behind an image of the format `name` whose ciphertext is `size` bytes long without.

    With it the ciphertext has the length of a bucket. It is zeros, which decoders don't look at: what ends an image is
    its trailer (GIF89a, 27), EOI (ITU-T T.81, B.1.1.3), IEND (W3C PNG, 5.2) or its length in RIFF (RFC 9649, 2.4). For
    AVIF the zeros stand in a free box (ISO/IEC 14496-12, 8.1.2). Where there is not the room for its head, 8 bytes, the
    next bucket is taken: 9 % more at most from 256 bytes on, yet up to twice as much for less, which no AVIF has.
    """
    if name != "avif" or bucket_bytes(size) == size:
        return bytes(bucket_bytes(size) - size)
    # Firefox shows no AVIF with zeros behind its last box.
    length = bucket_bytes(size + _BOX_HEAD.size) - size
    return _BOX_HEAD.pack(length, b"free") + bytes(length - _BOX_HEAD.size)


def longest_within(limit: int) -> int:
    """Return how long a ciphertext may be to be at most `limit` bytes long with its padding, whatever its format."""
    return (limit & ~_rounded_bits(limit)) - _BOX_HEAD.size


def _rounded_bits(size: int) -> int:
    exponent = size.bit_length() - 1
    return (1 << exponent - exponent.bit_length()) - 1
