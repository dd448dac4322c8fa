"""Tools for the tests of an application that uses this package; see docs/testing.md. They do not need pytest.

Fixtures for pytest are in `pixstore_asgi.testing.fixtures`.
"""

from .pixstore import SECRET, FixedClock, MemoryPixstore
from .reading import NoImage, SealedPage, image_in, proof_headers
from .samples import SAMPLES

__all__ = ["SAMPLES", "SECRET", "FixedClock", "MemoryPixstore", "NoImage", "SealedPage", "image_in", "proof_headers"]
