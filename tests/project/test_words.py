"""The English of all code is plain: sentences name things in place of "what" and "who"."""

import re
from pathlib import Path

import pytest

from tests.support.paths import PACKAGE, ROOT

WORD = re.compile(r"\b(what|who|whom|whose|whoever|whatever|nobody|whichever)\b", re.IGNORECASE)
MOST_PER_1000_LINES = 4


AREAS: dict[str, list[Path]] = {
    "the package's root": sorted(PACKAGE.glob("*.py")),
    **{folder.name: sorted(folder.rglob("*.py")) for folder in sorted(PACKAGE.iterdir()) if folder.is_dir()},
    "js_client": sorted((ROOT / "js_client" / "src").rglob("*.js")),
    "benchmarks": sorted((ROOT / "benchmarks").rglob("*.py")),
    "tests": [
        path for folder in sorted((ROOT / "tests").iterdir()) if folder.name != "js" for path in folder.rglob("*.py")
    ],
}


@pytest.mark.parametrize("area", [area for area, files in AREAS.items() if files])
def test_sentences_name_things(area: str) -> None:
    """At most 4 in 1,000 lines of an area have such a word."""
    lines = [(path, number, line) for path in AREAS[area] for number, line in enumerate(_lines(path), 1)]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, number, line in lines
        for _ in WORD.finditer(line)
    ]
    most = len(lines) * MOST_PER_1000_LINES // 1000
    assert len(found) <= most, "\n".join([f"{area} has {len(found)} such words, and may have {most}:", *found])


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
