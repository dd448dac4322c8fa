"""The vectors of tests/vectors, as parameters of tests."""

import json
from typing import Any

import pytest

from tests.support.paths import TESTS

VECTORS = TESTS / "vectors"
Vector = dict[str, Any]


def vectors(file: str, key: str, *, failing: bool | None = None) -> list[Any]:
    content = json.loads((VECTORS / file).read_text())[key]
    chosen = [v for v in content if failing is None or ("failure" in v) is failing]
    assert chosen, f"{file} has no such vectors"
    return [pytest.param(vector, id=vector["name"]) for vector in chosen]
