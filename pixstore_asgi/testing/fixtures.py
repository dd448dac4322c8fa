"""Fixtures for pytest. Load them in a conftest.py:

    pytest_plugins = ["pixstore_asgi.testing.fixtures"]

`pixstore` is a MemoryPixstore for each test, `pixstore_clock` is its clock, and `pixstore_options` has its options. To
change the options, define a fixture of that name in a conftest.py or test file. No fixture is async, so they work with
any plugin for async tests, and with tests that are not async.
"""

from typing import Any

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{__name__} needs pytest: pip install pytest", name="pytest") from error

from .pixstore import FixedClock, MemoryPixstore


@pytest.fixture
def pixstore_options() -> dict[str, Any]:
    """The options of a test's Pixstore. Missing options have the defaults of Pixstore."""
    return {}


@pytest.fixture
def pixstore_clock() -> FixedClock:
    """The clock of the Pixstore of a test."""
    return FixedClock()


@pytest.fixture
def pixstore(pixstore_clock: FixedClock, pixstore_options: dict[str, Any]) -> MemoryPixstore:
    """A Pixstore in memory for one test. It opens on first use."""
    return MemoryPixstore(clock=pixstore_clock, **pixstore_options)
