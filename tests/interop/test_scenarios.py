"""Twenty scenarios against both packages: the behaviour of ours, and the table of npm.md as this run observed it.

If a row differs, run `python -m tests.interop.table --write` and look at the change.
"""

import pytest

from tests.interop.scenarios import SCENARIOS, ClientScenario
from tests.interop.sides import Side
from tests.interop.table import BLOCK, NPM_PAGE, observe, shown_in

pytestmark = [pytest.mark.servers, pytest.mark.browser]

SHOWN = shown_in(NPM_PAGE, BLOCK)
OURS = {
    # A path that is no percent-encoding is refused like any request without a proof.
    1: "MissingProof; the next client gets the image",
    2: "the update fails, the old image stays",
    3: "every read gives an image",
    4: "leaves every image readable",
    5: "the token rises; it rises",
    # Only verified bytes are cached.
    6: "the first call fails, the second shows the image, with one more request",
    7: "after a second a record gives the image; the port is the application's; of 52 images all stay cached",
    # Every process with the secret accepts a proof, also after a restart.
    8: "the image; the image",
    # A proof is a MAC, and it outlives the rotation of its secret.
    9: "36 bytes, no plain SHA-256 of id, secret and window; the image",
    10: "InvalidProof",
    11: "it is in none",
    12: "deleting `../outside`: that file stays; deleting `a:b:junk`: then `a:b` gives the image",
    13: "no-store; no-store",
    # HEAD answers, another method is refused, a query changes nothing, and the route is a plain path.
    14: "200; 405; the image; 404",
    15: "memory grows by less than one image",
    16: "refused (InvalidImage)",
    17: "another id",
    18: "ten calls at once: 1 download; deleted while it loads: stays deleted; after one storage error: evicts; "
    "after site data is cleared: shows the image every time; without IndexedDB: shows the image; "
    "a hit: 1 read and 0 writes of the image",
    19: "WireError; WireError",
    20: "in Node: works; in a page: works",
}


def test_the_page_lists_every_scenario() -> None:
    """The table has one row for each scenario, in order."""
    assert [(number, row.title) for number, row in SHOWN.items()] == [
        (number, scenario.title) for number, scenario in SCENARIOS.items()
    ]
    assert list(SCENARIOS) == list(OURS) == list(range(1, 21))


@pytest.mark.parametrize("number", OURS)
def test_a_scenario(number: int, sides: dict[str, Side], request: pytest.FixtureRequest) -> None:
    """Ours behaves as listed here, and the page shows the behaviour of both packages in this run."""
    needs_tabs = isinstance(SCENARIOS[number], ClientScenario)
    row = observe(number, sides, request.getfixturevalue("tabs") if needs_tabs else None)
    assert row.ours == OURS[number]
    assert row == SHOWN[number]
