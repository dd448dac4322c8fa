"""cdn.md: its snippets, run; its nginx configuration has its tests in tests/deployment and tests/browser."""

import re

import httpx
import pytest
from starlette.testclient import TestClient

from pixstore_asgi.core.cipher import unseal
from tests.docs.conftest import RunSnippet
from tests.support.paths import DOCS
from tests.support.s3 import BUCKET as BUCKET_NAME
from tests.support.s3 import S3Server
from tests.support.samples import picture

MOUNTED, BUCKET, SIGNED = re.findall(r"```python\n(.*?)```", (DOCS / "cdn.md").read_text(), re.DOTALL)


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


@pytest.mark.slow
async def test_a_signed_url_gives_the_ciphertext(run_snippet: RunSnippet, s3: S3Server) -> None:
    """The URL that the page's function signs gives the version's object to a client without credentials."""
    endpoint = f"http://127.0.0.1:{s3.port}"
    here = SIGNED.replace('"bucket"', f'"{BUCKET_NAME}"').replace("s3://bucket/", f"s3://{BUCKET_NAME}/")
    here = here.replace(
        'endpoint="https://s3.example"', f'endpoint="{endpoint}", client_options={{"allow_http": True}}'
    )
    async with run_snippet(here.replace("https://s3.example", endpoint))["pix"] as pix:
        record = await pix.save_image(picture())
    assert record.ciphertext_url is not None
    async with httpx.AsyncClient() as http:
        answer = (await http.get(record.ciphertext_url)).raise_for_status()
    assert unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=answer.content)[1] == picture()
