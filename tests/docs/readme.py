"""README.md and its Python snippets."""

import re

from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
MOUNT, FASTAPI = range(2)
