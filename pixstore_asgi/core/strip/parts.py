"""The parts that an image consists of for the stripper, and the ways to treat them."""

from collections.abc import Generator
from enum import Enum


class Use(Enum):
    """How the stripper treats the next bytes of an image."""

    KEEP = "they stay"
    DROP = "they are removed"
    BLANK = "as many zeros replace them"
    TAKE = "they are removed, and the rule receives them and can insert them again"
    READ = "they stay, and the rule receives them"
    SCAN = "the data of a JPEG scan stays up to the next marker; the rule receives the marker's second byte"


KEEP, DROP, BLANK, TAKE, READ, SCAN = Use

Part = tuple[Use, int] | bytes
"""How to treat the next bytes, and their number (1 for SCAN); or bytes to insert into the output."""

Rule = Generator[Part, bytes, None]
"""Strips one container.

It yields one Part after another. The Stripper sends the answer to each: the received bytes, or no bytes. It returns at
the end of the image, and further bytes are removed. It raises InvalidImage if the container is damaged.
"""
