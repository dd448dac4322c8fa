"""how-it-works.md: the record that it shows is one."""

import base64
import inspect
import json
import re

from pixstore_asgi import ImageRecord, Pixstore
from tests.support.paths import DOCS

PAGE = (DOCS / "how-it-works.md").read_text()


def test_the_record_shown_is_one() -> None:
    """It parses, and its proof ends two windows after the one in which it was signed."""
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    shown = json.loads(block)
    record = ImageRecord.parse(shown)
    window_ms = inspect.signature(Pixstore).parameters["proof_window_ms"].default
    window = int.from_bytes(base64.b64decode(record.stateless_proof)[5:11], "big")
    assert shown["proofExpiresAt"] == (window + 2) * window_ms
    assert f"{window_ms // 1000} to {2 * window_ms // 1000} s" in PAGE
