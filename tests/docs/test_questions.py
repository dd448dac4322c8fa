"""questions.md: its measured figures are in the results."""

import re

from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT

PAGE = (DOCS / "questions.md").read_text()
RESULTS = (ROOT / "benchmarks" / "results" / "results.md").read_text()


def test_its_ratios_to_nginx_are_measured() -> None:
    """The rates of images that are served by a mount under uvicorn, against nginx with secure_link."""
    measured = {cells[0].split(",")[0]: cells[2] for cells in rows(RESULTS, "| target |") if "secure_link" in cells[0]}
    shown = dict(re.findall(r"(370 KB|3\.8 MB)\D*? ([\d.]+) times", PAGE))
    assert {f"GET of {size}": f"{ratio}x" for size, ratio in shown.items()}.items() <= measured.items()
    assert len(shown) == 2
