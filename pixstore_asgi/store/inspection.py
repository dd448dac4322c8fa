"""What a store in a database tells of itself beyond the contract: whether it is made, which it is, where bodies lie."""

from collections.abc import Hashable
from typing import Protocol, runtime_checkable

from .elsewhere import Bodies


@runtime_checkable
class Inspectable(Protocol):
    """A store in a database. Its methods raise StoreError; all but `is_made` want it open."""

    @property
    def bodies(self) -> Bodies | None:
        """Where new bodies are kept in place of the database."""
        ...

    async def is_made(self) -> bool:
        """Tell, open or not, whether there is such a store already, and make none."""
        ...

    async def place(self) -> Hashable:
        """Return what two stores have alike where they are one, by whatever names."""
        ...

    async def has_bodies_elsewhere(self) -> bool:
        """Tell whether any body, current or not yet swept, lies elsewhere than in the database."""
        ...


async def lacks_its_bucket(store: object) -> bool:
    """Tell whether an open store has bodies elsewhere, and was not given where."""
    return isinstance(store, Inspectable) and store.bodies is None and await store.has_bodies_elsewhere()
