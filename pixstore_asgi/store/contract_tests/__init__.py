'''The contract's tests, for authors of a store: subclass a suite in a test file, and run pytest.

    from my_package import MyStore
    from pixstore_asgi.store.contract_tests import StoreContract


    class TestMyStore(StoreContract):
        """MyStore keeps the contract."""

        def make_store(self, folder, clock):
            return MyStore(folder / "images", clock_ms=clock)

StoreContract is for any store. SharedStoreContract is for a store that several processes share: its additional tests
make a second store for the same folder, which must have the same images. `make_store` returns a closed store. Its
argument `clock` returns epoch milliseconds. The store must read no other clock, because tests set this one back. If a
store needs more than a folder, such as a server, override the fixture `store(self, clock)`. It is an async generator
that yields the open store.

Only pytest has to be installed: the tests run under the plugin of anyio, which comes with pixstore_asgi.
'''

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{__name__} needs pytest: pip install pytest", name="pytest") from error

# Before the suite is imported, so that a failed assertion in it shows the values that it compared.
_PARTS = ("copying", "counting", "grouping", "keeping", "reading", "sharing", "variants", "wrapping", "writing")
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

from .fixtures import SetClock  # noqa: E402
from .suite import SharedStoreContract, StoreContract  # noqa: E402

__all__ = ["SetClock", "SharedStoreContract", "StoreContract"]
