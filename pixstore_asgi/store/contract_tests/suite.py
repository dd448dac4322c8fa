"""The test suites, put together from one class for each part of the contract."""

from .copying import CopyingContract
from .counting import CountingContract
from .grouping import GroupingContract
from .keeping import KeepingContract
from .reading import ReadingContract
from .sharing import SharingContract
from .variants import VariantsContract
from .wrapping import WrappingContract
from .writing import WritingContract


class StoreContract(
    WritingContract,
    ReadingContract,
    KeepingContract,
    WrappingContract,
    CopyingContract,
    GroupingContract,
    VariantsContract,
    CountingContract,
):
    """The tests for every ImageStore."""


class SharedStoreContract(StoreContract, SharingContract):
    """The tests for every ImageStore that several processes share."""
