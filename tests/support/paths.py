"""Where things are in the checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pixstore_asgi"
DOCS = ROOT / "docs"
TESTS = ROOT / "tests"
