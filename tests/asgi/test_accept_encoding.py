"""Accept-Encoding: the values that clients may send, and the content coding that they get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi.asgi.client_files import best_coding

CODINGS = ["br", "gzip", "identity"]


@pytest.mark.parametrize(
    ("accept_encoding", "best"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("deflate, zstd", "identity"),
        ("", "identity"),
        ("*", "br"),
        ("BR , GZip", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("br ;\tq=0.001", "br"),
        ("gzip;Q=0.5,br;q=0", "gzip"),
        ("gzip;q=0, br;q=0.0", "identity"),
        ("br;q=0, *", "gzip"),
        ("identity, *;q=0.5", "identity"),
        ("gzip;q=0.5, identity;q=0.4", "gzip"),
        ("gzip, *;q=0", "gzip"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("*;q=0, identity", "identity"),
        ("identity;q=0, *", "br"),
        ("br;q=0, identity;q=0, gzip;q=0.001", "gzip"),
        (",, gzip ,", "gzip"),
        ("x-br, brotli, gzipped", "identity"),
    ],
)
def test_the_preferred_coding_is_chosen(accept_encoding: str, best: str | None) -> None:
    """The highest weight wins, then the server's order; 0 refuses, `*` is for all that is not named."""
    assert best_coding(accept_encoding, CODINGS) == best


@pytest.mark.parametrize(
    "element",
    ["br;q=", "br;q=2", "br;q=1.001", "br;q=0.1234", "br;q=-1", "br;q=½", "br;level=9", "br q=1", "b r", "=br"],
)
def test_what_cannot_be_read_names_nothing(element: str) -> None:
    """An element outside of the grammar is passed over, and those beside it count."""
    assert best_coding(element, CODINGS) == "identity"
    assert best_coding(f"{element}, gzip;q=0.1", CODINGS) == "gzip"


_SPACES = st.text(" \t", max_size=2)
_CASES = st.sampled_from([str.lower, str.upper, str.title])
_NAMED = st.dictionaries(st.sampled_from([*CODINGS, "*", "deflate", "zstd"]), st.integers(0, 1000))


@given(_NAMED, st.lists(st.sampled_from(CODINGS), min_size=1, unique=True), st.data())
def test_any_weights_are_respected(named: dict[str, int], available: list[str], data: st.DataObject) -> None:
    """No client gets a coding that it refuses or likes less than another. If any acceptable coding exists, the client
    gets one.
    """
    best = best_coding(",".join(_written(name, weight, data) for name, weight in named.items()), available)
    taken = [coding for coding in available if named.get(coding, named.get("*", coding == "identity"))]
    liked = {coding: named.get(coding, named.get("*", 0)) for coding in taken}
    most = max(liked.values(), default=0)
    assert best == next((coding for coding in taken if liked[coding] == most), None)


def _written(name: str, weight: int, data: st.DataObject) -> str:
    """Write an element as clients may: in any case, with spaces, the weight in few digits or many, or none for 1."""
    spelled = data.draw(_CASES)(name)
    quality = data.draw(st.sampled_from([f"{weight / 1000:.3f}", f"{weight / 1000:g}"]))
    before, inner, after = (data.draw(_SPACES) for _ in range(3))
    if weight == 1000 and data.draw(st.booleans()):
        return f"{before}{spelled}{after}"
    return f"{before}{spelled}{inner};{inner}q={quality}{after}"


@given(st.text())
def test_any_text_chooses_something_that_is_there(text: str) -> None:
    """No header raises."""
    assert best_coding(text, CODINGS) in {*CODINGS, None}
