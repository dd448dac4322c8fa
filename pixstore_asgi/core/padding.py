"""Padding after an image, so that its ciphertext has one of few lengths, which do not identify the image.

The Padmé algorithm rounds a length up to a number whose low bits are zero. After the first 1 bit, it keeps as many bits
as the binary exponent of the length has bits. So a length of up to L bytes leaks O(log log L) bits, as few as rounding
up to a power of two.
Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", Proceedings on
Privacy Enhancing Technologies 2019(4), section 4, algorithm 1.
"""

import struct

_BOX_HEAD = struct.Struct(">I4s")


def bucket_bytes(size: int) -> int:
    """Return the padded length for 1 or more bytes. The padded lengths are 1 to 8, 10, 12, 14, 16, 18…

    Padding adds at most 12 %; from 256 bytes on at most 6.25 %, and from 64 KiB on at most 3.2 %.
    """
    mask = _rounded_bits(size)
    return (size + mask) & ~mask


def padding(name: str, size: int) -> bytes:
    """Return the bytes to append to an image, so that its ciphertext has one of the lengths of `bucket_bytes`.

    The padding is zeros. Decoders ignore them after the end of an image. The end is the trailer (GIF89a, section 27),
    EOI (ITU-T T.81, section B.1.1.3), IEND (W3C PNG, section 5.2) or the RIFF length (RFC 9649, section 2.4). For AVIF
    the zeros are inside a free box (ISO/IEC 14496-12, section 8.1.2). If the 8 bytes of the box's head do not fit, the
    next padded length is used. So an AVIF image grows by at most 9 %, because it has at least 256 bytes.

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
    """Return the length of the longest ciphertext that, with padding, fits into `limit` bytes in every format."""
    return (limit & ~_rounded_bits(limit)) - _BOX_HEAD.size


def _rounded_bits(size: int) -> int:
    exponent = size.bit_length() - 1
    return (1 << exponent - exponent.bit_length()) - 1
