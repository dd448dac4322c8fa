"""Defects of the npm package's browser client: the behaviour of ours, and that the client's README lists them.

The README shows npm's behaviour as `python -m tests.interop.table --write` saw it. No test asserts it, because some
of it depends on chance.
"""

import pytest

from tests.interop.scenarios.defects import DEFECTS
from tests.interop.sides import Side
from tests.interop.table import CLIENT_BLOCK, CLIENT_README, shown_in
from tests.interop.tabs import Tabs

pytestmark = [pytest.mark.servers, pytest.mark.browser]

OURS = [
    "the first call fails, the second shows the image, with one more request",
    "shows the image every time, with 1 download",
    "stays deleted; every read shows it",
    "12 of 12 are shown; the last one is cached",
    "shows the image; shows the image",
    "shows the image every time",
    "opens",
    "shows the image",
    "works",
    "asks by the page's own scheme",
    "image/jpeg",
    "true, then false",
    "resolve",
    "rejects with AbortError",
    "rejects with FetchError",
    "shows the image",
    "1 download",
    "shows the image every time, with 1 download",
]


def test_the_readme_lists_every_defect() -> None:
    """The client's README has one row for each defect, and says of our client the texts that are asserted here."""
    rows = shown_in(CLIENT_README, CLIENT_BLOCK).values()
    assert [(row.title, row.ours) for row in rows] == [
        (defect.title, ours) for defect, ours in zip(DEFECTS, OURS, strict=True)
    ]


@pytest.mark.parametrize("number", range(1, len(DEFECTS) + 1), ids=[defect.title for defect in DEFECTS])
def test_our_client_does_without(number: int, sides: dict[str, Side], tabs: Tabs) -> None:
    """Our client, in the same Chromium and against its own server, behaves as the table says."""
    assert DEFECTS[number - 1].observe(sides["ours"], tabs) == OURS[number - 1]
