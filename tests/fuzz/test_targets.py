"""Each target stands its seeds, and what a fuzzer makes of them in some seconds."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from tests.support.paths import ROOT

CORPUS = Path(__file__).parent / "corpus"
SEEDS = [(target, seed) for target in TARGETS for seed in sorted((CORPUS / target).iterdir())]
SECONDS = int(os.environ.get("PIXSTORE_FUZZ_S", "1"))


@pytest.mark.parametrize(("target", "seed"), SEEDS, ids=lambda value: getattr(value, "name", value))
def test_seeds_are_what_they_are_named(target: str, seed: Path) -> None:
    """Good bytes to begin with are accepted, and what is named bad is refused, without any other error."""
    assert TARGETS[target](seed.read_bytes()) == (not seed.name.startswith("bad-"))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found(target: str, tmp_path: Path) -> None:
    """The fuzzer runs to the end of its time and finds no bytes that a target does not stand."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is missing: it has no wheel for this machine, or pip install atheris")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, "--seconds", str(SECONDS)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    (runs,) = re.findall(r"stat::number_of_executed_units: (\d+)", ended.stderr)
    assert int(runs) > 100
