"""Pictures decoded in processes of their own: checked, and made smaller.

The application starts one helper (helper.py, fork_server.py), which forks a process for every picture (child.py); that
has limits, no file and no secret, and what it decodes is in memory alone.
"""

from .decoder import Decoder
from .variants import Decoded, EncodedVariant, Variant

__all__ = ["Decoded", "Decoder", "EncodedVariant", "Variant"]
