"""Snippets of the documents, run as a newcomer would run them."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RunSnippet = Callable[[str], dict[str, Any]]


@pytest.fixture
def run_snippet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSnippet:
    """Run a snippet in its own folder, without a secret in the environment. Return its definitions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)

    def run(source: str) -> dict[str, Any]:
        module = ModuleType("snippet")
        monkeypatch.setitem(sys.modules, "snippet", module)  # Litestar looks there for the types of its handlers
        exec(compile(source, "snippet", "exec", dont_inherit=True), vars(module))  # noqa: S102
        return vars(module)

    return run
