"""Fixtures for pytest, for a conftest.py that asks for them; nothing loads them by itself.

    pytest_plugins = ["pixstore_asgi.testing.fixtures"]

`pixstore` is a MemoryPixstore for each test, `pixstore_clock` its clock, and `pixstore_options` what it is made with: a
conftest.py or a test file that defines that one anew chooses. None of them is async, so they go with any plugin that
runs async tests, and with tests that are not async.
"""

from typing import Any

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{__name__} needs pytest: pip install pytest", name="pytest") from error

from .pixstore import FixedClock, MemoryPixstore


@pytest.fixture
def pixstore_options() -> dict[str, Any]:
    """The options of the test's Pixstore, those that are left out as Pixstore has them."""
    return {}


@pytest.fixture
def pixstore_clock() -> FixedClock:
    """The clock of the test's Pixstore."""
    return FixedClock()


@pytest.fixture
def pixstore(pixstore_clock: FixedClock, pixstore_options: dict[str, Any]) -> MemoryPixstore:
    """A Pixstore in memory, for this test alone. It opens on first use."""
    return MemoryPixstore(clock=pixstore_clock, **pixstore_options)
