"""CONTRIBUTING.md: the commands and files it names are there, and its lines for a store of one's own are tested."""

import re
import textwrap

from pixstore_asgi.store import contract_tests
from tests.support.paths import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def test_its_commands_and_files_exist() -> None:
    """Every script and every path in the repository that the page names is there."""
    named = re.findall(r"`(?:sh )?((?:\.ci|scripts|tests|pixstore_asgi|js_client|benchmarks)/[\w./-]+)", PAGE)
    assert len(named) > 15
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_lines_for_a_store_are_those_of_the_suite() -> None:
    """The page's test file is the one in the suite's docstring, which tests/store/test_own_store.py runs."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert textwrap.indent(block, "    ") in (contract_tests.__doc__ or "")
