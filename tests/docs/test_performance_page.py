"""performance.md: its snippet, run."""

import re

from starlette.testclient import TestClient

from tests.docs.conftest import RunSnippet
from tests.support.paths import DOCS
from tests.support.recipes import image_in, sent
from tests.support.samples import picture

PAGE = (DOCS / "performance.md").read_text()


def test_the_outermost_middleware_serves_images(run_snippet: RunSnippet) -> None:
    """Around the whole application the middleware serves an image, and passes on what is none."""
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = run_snippet(snippet)
    with TestClient(names["app"]) as http:
        assert http.portal is not None
        record = http.portal.call(names["pix"].save_image, picture())
        assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture()
        assert http.get("/elsewhere").status_code == 404
