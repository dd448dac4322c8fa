"""After random programs, with rollbacks, lost commits, races and kills, each committed row has its picture."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixstore_asgi import Pixstore
from tests.integrations.sqlalchemy.programs import Program
from tests.support.paths import ROOT
from tests.support.samples import SECRET

if TYPE_CHECKING:
    from tests.support.postgres import Cluster

# SQLAlchemy warns of a transaction whose commit was lost.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
KILLS = 10
# PostgreSQL detects no deadlock between transactions that wait for each other in two databases.
LOCK_TIMEOUT = "?options=-c%20lock_timeout%3D2s"


@pytest.fixture(params=["sqlite", "postgres"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of two databases."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/stock.db", f"sqlite:///{tmp_path}/other.db"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with contextlib.ExitStack() as stack:
        lent = [stack.enter_context(cluster.lent()) for _ in range(2)]
        stock, other = (url.replace("postgresql:", "postgresql+psycopg:") + LOCK_TIMEOUT for url in lent)
        yield stock, other


@pytest.mark.slow
@pytest.mark.parametrize("transactions", [90, pytest.param(3000, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])])
def test_random_programs(urls: tuple[str, str], tmp_path: Path, transactions: int) -> None:
    """No row names a picture that is gone, and `unnamed` finds all pictures without a row."""
    program = Program(urls, Pixstore(tmp_path / "pixstore.db", secret=SECRET), seed=transactions)
    program.run(transactions)
    images, named = program.images(), program.named()
    print(f"{transactions} transactions: {dict(program.outcomes)}, {len(named)} pictures, {len(images - named)} left")
    assert named <= images
    assert program.unnamed() == images - named
    assert program.outcomes["committed"] > transactions // 3


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_killed_random_programs(urls: tuple[str, str], tmp_path: Path) -> None:
    """The same after each SIGKILL."""
    store = tmp_path / "pixstore.db"
    program = Program(urls, Pixstore(store, secret=SECRET), seed=1)
    command = [sys.executable, "-m", "tests.integrations.sqlalchemy.programs", *urls, str(store)]
    environment = {**os.environ, "PIXSTORE_SECRET": SECRET, "PYTHONPATH": str(ROOT)}
    for _ in range(KILLS):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(random.uniform(0.3, 3))
            process.send_signal(signal.SIGKILL)
        images, named = program.images(), program.named()
        assert named <= images
        assert program.unnamed() == images - named
    print(f"{KILLS} kills: {len(named)} pictures, {len(images - named)} left")
