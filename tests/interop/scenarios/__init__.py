"""Twenty scenarios that run against npm's pixstore and against ours.

Each scenario is one function that does the same to either side and returns its observation in words. It does not know
the expected result.
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.interop.scenarios import answering, client, proving, storing
from tests.interop.sides import Side
from tests.interop.tabs import Tabs


class ServerScenario(NamedTuple):
    """A scenario of the back end alone."""

    title: str
    observe: Callable[[Side], str]


class ClientScenario(NamedTuple):
    """A scenario of the browser client, in Chromium."""

    title: str
    observe: Callable[[Side, Tabs], str]


SCENARIOS: dict[int, ServerScenario | ClientScenario] = {
    1: ServerScenario("`GET /pixstore-image/%` by a stranger", answering.malformed_path),
    2: ServerScenario("the database refuses an update", storing.failing_update),
    3: ServerScenario("images are read while they are updated", storing.reads_during_updates),
    4: ServerScenario("three updates of one image at once", storing.parallel_updates),
    5: ServerScenario("two updates in one millisecond; the clock set back", storing.tokens),
    6: ClientScenario("one response is truncated on its way to the page", client.truncated_response),
    7: ClientScenario("nothing is configured", client.defaults),
    8: ServerScenario("a record meets another process; a restart", proving.processes),
    9: ServerScenario("the proof; a change of its secret", proving.construction),
    10: ServerScenario("a request with a proof and no token", proving.no_token),
    11: ServerScenario("the image's key is sought in the files of the server", storing.keys_at_rest),
    12: ServerScenario("`../` in an id; an id with more after it", storing.foreign_ids),
    13: ServerScenario("`Cache-Control` of a body with a key; of a refusal", answering.caching),
    14: ServerScenario("HEAD; POST; a query; another path like the route", answering.routing),
    15: ServerScenario("ten clients stop reading images of 20 MB", answering.slow_clients),
    16: ServerScenario("eight PNG bytes in front of HTML are saved", storing.disguised_upload),
    17: ServerScenario("clock and random generator repeat", storing.predictable_ids),
    18: ClientScenario("the page's cache under concurrency and failures", client.cache_failures),
    19: ClientScenario("`Updated` cut after 3 bytes; after 40", client.cut_payloads),
    20: ClientScenario("imported by its documented name; as a plain module", client.imports),
}
