"""Ids of variants: each leads to its original, and is the id of nothing else."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pixstore_asgi.core.ids import (
    IMAGE_ID,
    is_image_id,
    is_variant_id,
    original_of,
    range_of_variants,
    variant_id,
)
from pixstore_asgi.errors import InputError

IDS = st.from_regex(IMAGE_ID, fullmatch=True)
NAMES = st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True)
TEXTS = st.text(st.characters(max_codepoint=127), max_size=8) | st.text(max_size=8)


@given(IDS, NAMES)
def test_a_variant_leads_to_its_original(original: str, name: str) -> None:
    """The id of a variant is not an image id, and leads to its original's id, which leads to itself."""
    made = variant_id(original, name)
    assert is_variant_id(made)
    assert not is_image_id(made)
    assert original_of(made) == original == original_of(original)
    assert not is_variant_id(original)


@given(IDS, NAMES, IDS)
@example("a", "thumb", "ab")
@example("a", "thumb", "a:b")
@example("a", "-", "a")
def test_a_range_has_all_variants_and_nothing_else(original: str, name: str, other: str) -> None:
    """The bounds of an original's variants contain all of them, and no other image or variant."""
    after, before = range_of_variants(original)
    assert after < variant_id(original, name) < before
    assert not after < other < before
    assume(other != original)
    assert not after < variant_id(other, name) < before


@given(TEXTS)
@example("thumb\n")
@example("é")
@example("")
@example("a~b")
@example("x" * 33)
@example("Thumb")
def test_valid_names_make_variant_ids(name: str) -> None:
    """A name is accepted exactly if the id with it is a variant's."""
    if is_variant_id(f"a~{name}"):
        assert variant_id("a", name) == f"a~{name}"
    else:
        with pytest.raises(InputError, match="a variant's name must be"):
            variant_id("a", name)


@pytest.mark.parametrize("name", [None, 7, b"thumb"])
def test_a_name_is_text(name: object) -> None:
    """A value that is not a str is refused."""
    with pytest.raises(InputError, match="a variant's name must be"):
        variant_id("a", name)
