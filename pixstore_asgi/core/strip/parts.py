"""The parts that a format's rule divides an image into."""

from collections.abc import Generator
from enum import Enum


class Use(Enum):
    """The use of the next bytes of an image."""

    KEEP = "they stay"
    DROP = "they are removed"
    BLANK = "as many zeros replace them"
    TAKE = "they are removed, and the rule receives them and can insert them again"
    READ = "they stay, and the rule receives them"
    SCAN = "the data of a JPEG scan stays up to the next marker; the rule receives the marker's second byte"


KEEP, DROP, BLANK, TAKE, READ, SCAN = Use

Part = tuple[Use, int] | bytes
"""The use of the next bytes with their number, which is 1 for SCAN; or bytes to insert."""

Rule = Generator[Part, bytes, None]
"""Strips one container. It yields part after part, is sent the answer of each, and returns at the end of the image;
bytes after that are dropped. It raises InvalidImage if the container is damaged."""
