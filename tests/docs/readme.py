"""README.md and its first application."""

import re

from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
(FIRST_PICTURE,) = re.findall(r"```python\n(# app\.py\n.*?)```", README, re.DOTALL)
INSTALL, RUN = re.findall(r"```sh\n(pip install .*)\n(uvicorn .*)\n```", README)[0]
(URL,) = re.findall(r"^Open (http\S+) ", README, re.MULTILINE)
