"""Twenty scenarios against both packages: what ours must do, and that npm.md says what was seen in this run.

The texts about npm's pixstore are what the same run observed of it; where a row differs, run
`python -m tests.interop.table --write` and look at the change.
"""

from collections.abc import Callable

import pytest

from tests.interop.scenarios import SCENARIOS, ClientScenario
from tests.interop.sides import Side
from tests.interop.table import MARKER, NPM_PAGE, Row, observe, shown_in

pytestmark = [pytest.mark.servers, pytest.mark.browser]

Fresh = Callable[[int], Row]
SHOWN = shown_in(NPM_PAGE, MARKER)


@pytest.fixture
def fresh(sides: dict[str, Side], request: pytest.FixtureRequest) -> Fresh:
    """Run one scenario against both sides, now."""

    def run(number: int) -> Row:
        needs_tabs = isinstance(SCENARIOS[number], ClientScenario)
        return observe(number, sides, request.getfixturevalue("tabs") if needs_tabs else None)

    return run


def test_the_page_lists_every_scenario() -> None:
    """The table has one row for each scenario, in order."""
    assert [(number, row.title) for number, row in SHOWN.items()] == [
        (number, scenario.title) for number, scenario in SCENARIOS.items()
    ]
    assert list(SCENARIOS) == list(range(1, 21))


def test_1_malformed_path(fresh: Fresh) -> None:
    """A path that is no percent-encoding is refused like any request without a proof, and harms nobody."""
    row = fresh(1)
    assert row.ours == "MissingProof; the next client gets the image"
    assert row == SHOWN[1]


def test_2_failing_update(fresh: Fresh) -> None:
    """An update that the database refuses leaves the old image as it was."""
    row = fresh(2)
    assert row.ours == "the update fails, the old image stays"
    assert row == SHOWN[2]


def test_3_reads_during_updates(fresh: Fresh) -> None:
    """No read of an image meets half of one version and half of another."""
    row = fresh(3)
    assert row.ours == "every read gives an image"
    assert row == SHOWN[3]


def test_4_parallel_updates(fresh: Fresh) -> None:
    """Of updates at the same moment one wins, whole."""
    row = fresh(4)
    assert row.ours == "leaves every image readable"
    assert row == SHOWN[4]


def test_5_tokens(fresh: Fresh) -> None:
    """Tokens rise, whatever the clock does."""
    row = fresh(5)
    assert row.ours == "the token rises; it rises"
    assert row == SHOWN[5]


def test_6_truncated_response(fresh: Fresh) -> None:
    """Only verified bytes are cached: after a truncated response the next call fetches again."""
    row = fresh(6)
    assert row.ours == "the first call fails, the second shows the image, with one more request"
    assert row == SHOWN[6]


def test_7_defaults(fresh: Fresh) -> None:
    """The defaults are those for production."""
    row = fresh(7)
    assert row.ours == (
        "after a second a record gives the image; the port is the application's; of 52 images all stay cached"
    )
    assert row == SHOWN[7]


def test_8_processes(fresh: Fresh) -> None:
    """A proof is good for every process with the secret, and after a restart."""
    row = fresh(8)
    assert row.ours == "the image; the image"
    assert row == SHOWN[8]


def test_9_construction(fresh: Fresh) -> None:
    """A proof is a MAC rather than a hash of its parts, and outlives the rotation of its secret."""
    row = fresh(9)
    assert row.ours == "36 bytes, no plain SHA-256 of id, secret and window; the image"
    assert row == SHOWN[9]


def test_10_no_token(fresh: Fresh) -> None:
    """A proof without its record's token is worth nothing."""
    row = fresh(10)
    assert row.ours == "InvalidProof"
    assert row == SHOWN[10]


def test_11_keys_at_rest(fresh: Fresh) -> None:
    """No file holds an image's key in clear."""
    row = fresh(11)
    assert row.ours == "it is in none"
    assert row == SHOWN[11]


def test_12_foreign_ids(fresh: Fresh) -> None:
    """An id never reaches a file, and never another image."""
    row = fresh(12)
    assert row.ours == ("deleting `../outside`: that file stays; deleting `a:b:junk`: then `a:b` gives the image")
    assert row == SHOWN[12]


def test_13_caching(fresh: Fresh) -> None:
    """No cache keeps a response."""
    row = fresh(13)
    assert row.ours == "no-store; no-store"
    assert row == SHOWN[13]


def test_14_routing(fresh: Fresh) -> None:
    """HEAD answers, other methods are refused as such, a query changes nothing, and the route is a plain path."""
    row = fresh(14)
    assert row.ours == "200; 405; the image; 404"
    assert row == SHOWN[14]


def test_15_slow_clients(fresh: Fresh) -> None:
    """Clients that stop reading hold no images in the server's memory."""
    row = fresh(15)
    assert row.ours == "memory grows by less than one image"
    assert row == SHOWN[15]


def test_16_disguised_upload(fresh: Fresh) -> None:
    """What only starts like an image is refused."""
    row = fresh(16)
    assert row.ours == "refused (InvalidImage)"
    assert row == SHOWN[16]


def test_17_predictable_ids(fresh: Fresh) -> None:
    """Ids follow neither from the clock nor from the language's random generator."""
    row = fresh(17)
    assert row.ours == "another id"
    assert row == SHOWN[17]


def test_18_cache_failures(fresh: Fresh) -> None:
    """The client shares downloads, honours a delete, and outlives every failure of its cache."""
    row = fresh(18)
    assert row.ours == (
        "ten calls at once: 1 download; deleted while it loads: stays deleted; after one storage error: evicts; "
        "after site data is cleared: shows the image every time; without IndexedDB: shows the image; "
        "a hit: 1 read and 0 writes of the image"
    )
    assert row == SHOWN[18]


def test_19_cut_payloads(fresh: Fresh) -> None:
    """A payload that was cut short is an error of ours, wherever it was cut."""
    row = fresh(19)
    assert row.ours == "WireError; WireError"
    assert row == SHOWN[19]


def test_20_imports(fresh: Fresh) -> None:
    """The client is imported by its name and by its address, without a build step."""
    row = fresh(20)
    assert row.ours == "in Node: works; in a page: works"
    assert row == SHOWN[20]
