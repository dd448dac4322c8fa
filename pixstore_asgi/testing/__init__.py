"""What the tests of an application need that uses this package; how is in docs/testing.md. It takes no pytest.

The fixtures, which do, are in `pixstore_asgi.testing.fixtures`.
"""

from .pixstore import SECRET, FixedClock, MemoryPixstore
from .reading import NoImage, image_in, proof_headers
from .samples import SAMPLES

__all__ = ["SAMPLES", "SECRET", "FixedClock", "MemoryPixstore", "NoImage", "image_in", "proof_headers"]
