"""The cached heads of proofs: ProofKeys decides as one with an empty cache."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.core.proof import ProofKeys, ProofTerms, ProofWindows, Proven
from pixstore_asgi.errors import ProofError
from tests.support.samples import OTHER_SECRET, SECRET

WINDOWS = ProofWindows(10_000)
RING = KeyRing([SECRET, OTHER_SECRET])
ISSUERS = [RING, KeyRing(SECRET), RING.bound_to(bytes(range(16)))]
BOUND: dict[str, Any] = {"image_id": "a", "token": 1}
CHANGES: list[dict[str, Any]] = [{}, {}, {}, {"image_id": "b"}, {"token": 2}]


def verified(keys: ProofKeys, audience: bytes, proof: str, **bound: Any) -> Proven | str:
    try:
        return keys.verify(ProofTerms(audience), proof, **bound)
    except ProofError as error:
        return str(error)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(ISSUERS),
            st.integers(0, 2),
            st.integers(100_000, 130_000),
            st.integers(100_000, 130_000),
            st.sampled_from([b"", b"", b"ada"]),
            st.sampled_from(CHANGES),
            st.sampled_from([0, 0, 5, 20]),
        ),
        max_size=20,
    )
)
def test_the_cache_changes_no_decision(
    steps: list[tuple[KeyRing, int, int, int, bytes, dict[str, Any], int]],
) -> None:
    """Proofs of any ring, epoch, window and audience, also with a changed bit, are decided the same at any time."""
    keys = ProofKeys(RING, WINDOWS)
    for ring, epoch, issued_ms, now_ms, audience, change, turned in steps:
        issued = {**BOUND, "epoch": epoch, "now_ms": issued_ms}
        proof = ProofKeys(ring, WINDOWS).issue(ProofTerms(), **issued)
        assert ring is not RING or keys.issue(ProofTerms(), **issued) == proof
        if turned:
            proof = proof[:turned] + ("A" if proof[turned] != "A" else "B") + proof[turned + 1 :]
        asked = {**BOUND, **change, "now_ms": now_ms}
        fresh = ProofKeys(RING, WINDOWS)
        assert verified(keys, audience, proof, **asked) == verified(fresh, audience, proof, **asked)


def test_only_heads_of_valid_proofs_are_cached() -> None:
    """A refused proof is not cached, and the number of cached heads is bounded."""
    keys, issuer, terms = ProofKeys(RING, WINDOWS), ProofKeys(RING, WINDOWS), ProofTerms()
    proofs = [issuer.issue(terms, **BOUND, now_ms=100_000, epoch=epoch) for epoch in range(500)]
    for proof in proofs:
        with pytest.raises(ProofError):
            keys.verify(terms, proof, image_id="b", token=1, now_ms=100_000)
    assert len(keys._heads) == 0
    for epoch, proof in enumerate(proofs):
        assert keys.verify(terms, proof, **BOUND, now_ms=100_000) == Proven(10, epoch, False)
    assert 0 < len(keys._heads) <= 64
    assert 0 < len(issuer._heads) <= 64
