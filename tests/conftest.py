"""Fixtures that several folders of tests share."""

import gc
import inspect
import logging
import subprocess
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pixstore_asgi import Pixstore
from tests.support.child_output import ChildOutput, child_output
from tests.support.disks import mounted
from tests.support.leaks import Said, listening
from tests.support.paths import TESTS
from tests.support.postgres import Cluster, running_cluster
from tests.support.s3 import S3Server, running_s3
from tests.support.samples import SECRET
from tests.support.stores import STORES
from tests.support.tools import go_without, headless_chromium, require

_SAID = pytest.StashKey[Said]()

settings.register_profile("untimed", deadline=None)  # the duration of a test depends on the machine
settings.register_profile("fast", deadline=None, max_examples=20)  # scripts/test-fast selects it
settings.load_profile("untimed")


_STARTED_SERVERS = {"postgres", "s3", "s3_server"}
"""The fixtures that start PostgreSQL or an S3 server."""


@pytest.fixture(scope="session", autouse=True)
def printed_by_children() -> Iterator[ChildOutput]:
    """The output of the processes that tests and shared fixtures start."""
    with child_output() as printed:
        yield printed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB, until `resize`."""
    with mounted(tmp_path / "disk", "size=6m") as folder:
        yield folder


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest, printed_by_children: ChildOutput) -> Iterator[None]:
    """Nothing that a test logs, raises or prints holds a key, a proof or a secret."""
    said = request.node.stash[_SAID] = Said()
    with listening(said):
        yield
    said.texts += printed_by_children.take()


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Restores the root logger: an application of Litestar sets its level and handlers, for all later tests."""
    root = logging.getLogger()
    level, handlers = root.level, set(root.handlers)
    yield
    root.setLevel(level)
    for handler in set(root.handlers) - handlers:
        root.removeHandler(handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that has printed a secret: its last report has all the output that pytest captured."""
    report = yield
    if report.when == "teardown" and _SAID in item.stash:
        said = item.stash[_SAID]
        del item.stash[_SAID]  # otherwise the output of all tests stays in memory
        said.texts += [text for _, text in report.sections]
        if leak := said.leak():
            report.outcome, report.longrepr = "failed", f"a key, a proof or a secret stands in this:\n{leak}"
    return report


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test as slow if its fixtures or parameters ask for PostgreSQL or an S3 server."""
    values = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    stores = [value for value in values if isinstance(value, str) and value.partition(" ")[0] in ("postgres", *STORES)]
    if stores or _STARTED_SERVERS & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.slow)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the long tests unless --soak is given, also if -m selects them."""
    if config.getoption("soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


def pytest_collection_finish() -> None:
    """Exclude all modules and tests from garbage collections, because they live as long as this run."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(obj: Callable[..., object]) -> None:
    """Run every async test under anyio: its option for that is missing in the oldest supported version."""
    if inspect.iscoroutinefunction(getattr(getattr(obj, "hypothesis", None), "inner_test", obj)):
        pytest.mark.anyio(obj)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pix(tmp_path: Path) -> AsyncIterator[Pixstore]:
    """An open Pixstore on a SQLite file of its own."""
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL of this run's own. Tests keep to a schema or a database of theirs."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server of this run's own. Tests keep to a prefix of theirs."""
    with running_s3() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The S3 server, with its credentials in the environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return headless_chromium()


@pytest.fixture(scope="session")
def node_path() -> str:
    return require("node", "nodejs, version 20 or newer")


@pytest.fixture(scope="session")
def npm_packages(node_path: str) -> Path:
    """The packages that the tests of the browser client use, npm's pixstore among them."""
    packages = TESTS / "js" / "node_modules"
    if not packages.is_dir():
        go_without("the packages of tests/js are missing: run `npm ci` there")
    return packages


@pytest.fixture(scope="session")
def npm_node_path(node_path: str, npm_packages: Path) -> str:
    """Node, with the SQLite binding that the back end of npm's pixstore needs."""
    opening = [node_path, "-e", 'new (require("better-sqlite3"))(":memory:")']
    if subprocess.run(opening, cwd=TESTS / "js", capture_output=True, check=False).returncode:
        go_without(
            "better-sqlite3 is not compiled in tests/js: install g++, make and libnode-dev, and run scripts/test"
        )
    return node_path
