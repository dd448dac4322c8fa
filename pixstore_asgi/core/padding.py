"""Padding after an image, so that the length of its ciphertext does not identify the image.

Padmé rounds a length up to a number with zeros in its low bits. It keeps as many high bits as the number of bits of the
length's exponent. So a length of up to L bytes leaks O(log log L) bits, as few as rounding up to a power of two would.
Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", Proceedings on
Privacy Enhancing Technologies 2019(4), section 4, algorithm 1.
"""

import struct

_BOX_HEAD = struct.Struct(">I4s")


def bucket_bytes(size: int) -> int:
    """Return the padded length for `size` bytes, at least 1: the next of 1 to 8, 10, 12, 14, 16, 18…

    It adds at most 12 %, 6.25 % from 256 bytes on, and 3.2 % from 64 KiB on.
    """
    mask = _rounded_bits(size)
    return (size + mask) & ~mask


def padding(name: str, size: int) -> bytes:
    """Return the padding of an image, which gives its ciphertext a length of `bucket_bytes`.

    The padding is zeros, which decoders ignore: an image ends at its trailer (GIF89a, 27), EOI (ITU-T T.81, B.1.1.3),
    IEND (W3C PNG, 5.2) or its length in RIFF (RFC 9649, 2.4). For AVIF the zeros are in a free box (ISO/IEC 14496-12,
    8.1.2). If the box's head of 8 bytes does not fit, the next length is used. This adds at most 9 % from 256 bytes on;
    no AVIF image is shorter.

    Args:
        name: The format's name.
        size: Bytes of ciphertext without padding.
    """
    if name != "avif" or bucket_bytes(size) == size:
        return bytes(bucket_bytes(size) - size)
    # Firefox refuses an AVIF with zeros after its last box.
    length = bucket_bytes(size + _BOX_HEAD.size) - size
    return _BOX_HEAD.pack(length, b"free") + bytes(length - _BOX_HEAD.size)


def longest_within(limit: int) -> int:
    """Return the longest ciphertext, in any format, that fits into `limit` bytes together with its padding."""
    return (limit & ~_rounded_bits(limit)) - _BOX_HEAD.size


def _rounded_bits(size: int) -> int:
    exponent = size.bit_length() - 1
    return (1 << exponent - exponent.bit_length()) - 1
