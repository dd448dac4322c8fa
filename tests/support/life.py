"""Whether a Pixstore is open."""

from pixstore_asgi import Pixstore
from pixstore_asgi.pixstore import parts_of


def is_closed(pix: Pixstore) -> bool:
    """Tell whether a Pixstore was closed in all event loops that have used it."""
    shares = parts_of(pix).life._shares.values()
    return bool(shares) and all(share.is_closed and share.held is None for share in shares)
