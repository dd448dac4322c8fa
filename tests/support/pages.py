"""The applications that stand in pages of docs/."""

import re

from tests.support.paths import DOCS


def application_of(page: str) -> str:
    """Return the one block of a page that is a whole `app.py`."""
    (application,) = re.findall(r"```python\n# app.py\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return str(application)
