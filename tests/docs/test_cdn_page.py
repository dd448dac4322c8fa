"""cdn.md: its two snippets, run; its nginx configuration has its tests in tests/deployment and tests/browser."""

import re

from starlette.testclient import TestClient

from pixstore_asgi.core.cipher import unseal
from tests.docs.conftest import RunSnippet
from tests.support.paths import DOCS
from tests.support.samples import picture

MOUNTED, BUCKET = re.findall(r"```python\n(.*?)```", (DOCS / "cdn.md").read_text(), re.DOTALL)


def test_the_mounted_application_has_what_its_records_name(run_snippet: RunSnippet) -> None:
    """A record's URL at the CDN, asked of the application itself, is the image's ciphertext."""
    names = run_snippet(MOUNTED)
    with TestClient(names["app"]) as http:
        assert http.portal is not None
        record = http.portal.call(names["pix"].save_image, picture())
        host, path = record.ciphertext_url.split("/pixstore-image/")
        response = http.get(f"/pixstore-image/{path}")
    assert host == "https://cdn.example"
    assert unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=response.content)[1] == picture()


async def test_the_bucket_is_named_by_version(run_snippet: RunSnippet) -> None:
    """Records name the object of the version."""
    async with run_snippet(BUCKET)["pix"] as pix:
        record = await pix.save_image(picture())
    assert re.fullmatch(r"https://bucket\.example/pixstore/[0-9a-f]{32}", str(record.ciphertext_url))
