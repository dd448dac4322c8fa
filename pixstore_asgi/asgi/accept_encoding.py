"""Accept-Encoding, in which a client says which content codings it takes (RFC 9110, section 12.5.3)."""

import re
from collections.abc import Sequence

IDENTITY = "identity"
"""The name of no coding at all."""

_ELEMENT = re.compile(
    r"(?P<coding>[!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(?P<weight>0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?", re.ASCII
)
_UNNAMED_IDENTITY = 0.0001
"""Below the least weight that a client can name, 0.001: a coding that it names is preferred."""


def best_coding(accept_encoding: str, available: Sequence[str]) -> str | None:
    """Return the available coding that the client prefers, the first of equal ones, or None if it takes none.

    accept_encoding: the value of the header, empty if there is none: such a client may know no coding, and gets
        `identity`. available: names in lower case, in the order of the server.
    """
    weights = _weights(accept_encoding)

    def weight(coding: str) -> float:
        return weights.get(coding, weights.get("*", _UNNAMED_IDENTITY if coding == IDENTITY else 0))

    best = max(available, key=weight)
    return best if weight(best) > 0 else None


def _weights(accept_encoding: str) -> dict[str, float]:
    """Return the weight of each coding in the header; malformed elements are ignored."""
    elements = (_ELEMENT.fullmatch(element.strip(" \t")) for element in accept_encoding.lower().split(","))
    return {found["coding"]: float(found["weight"] or 1) for found in elements if found}
