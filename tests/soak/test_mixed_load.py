"""The mixed load for some seconds, so that it works when `scripts/soak` runs it for an hour."""

from pathlib import Path

import pytest

from tests.soak.mixed_load import run_mixed_load
from tests.soak.report import report_of

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]

SECONDS = 6


@pytest.mark.parametrize(
    "kind", ["sqlite", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("sqlite-files", "postgres-s3"))]
)
def test_nothing_is_lost_torn_stale_or_left(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    """While hosts are killed, clocks step, and secrets are rotated, backups and reads go on as they must."""
    place, blobs = str(tmp_path / "site.db"), ""
    if kind == "sqlite-files":
        blobs = str(tmp_path / "bodies")
    if kind == "postgres-s3":
        cluster, s3 = request.getfixturevalue("postgres"), request.getfixturevalue("s3")
        schema = f"soak_{abs(hash(tmp_path))}"
        place, blobs = f"{cluster.url()}?schema={schema}", s3.url(schema)
    outcome = run_mixed_load(place, blobs, tmp_path, SECONDS)
    assert not any(outcome.faults.values()), outcome.faults
    done = {"saves", "updates", "reads", "batches", "kills", "backups verified"}
    assert {name for name in done if not outcome.counts.get(name)} == set(), outcome.counts
    assert f"| saves | {outcome.counts['saves']:,} |" in report_of({kind: outcome}, "")
