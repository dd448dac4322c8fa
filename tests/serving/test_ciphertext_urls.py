"""Where records say that the ciphertext of their version is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import ConfigError, ImageRecord, Pixstore, PixstoreApp
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import client
from tests.support.samples import SECRET, picture


async def save(ciphertext_url: Any) -> ImageRecord:
    async with Pixstore(MemoryStore(), secret=SECRET, ciphertext_url=ciphertext_url) as pix:
        return await pix.save_image(picture(), directory="players")


@pytest.mark.parametrize("base", ["https://cdn.example/pixstore-image", "HTTP://[::1]:80/", "/pixstore-image", "/"])
async def test_a_base_gets_the_path_of_the_version(base: str) -> None:
    """Records tell the URL below the mount, with or without a slash behind it; JSON takes it and gives it back."""
    record = await save(base)
    assert record.ciphertext_url is not None
    assert re.fullmatch(re.escape(base.rstrip("/")) + r"/-/blob/[0-9a-f]{32}\?id=" + record.id, record.ciphertext_url)
    assert ImageRecord.parse(json.loads(json.dumps(record))) == record


async def test_the_url_leads_to_the_ciphertext(tmp_path: Path) -> None:
    """The URL of each kind of record serves ciphertext for the record's key, and changes with each version."""
    urls = []
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET, ciphertext_url="/") as pix:
        saved = await pix.save_image(picture())
        app = PixstoreApp(pix, public_ciphertext=True)
        for change in (pix.get_image_record, lambda image_id: pix.update_image(image_id, picture()), pix.reseal_image):
            record = await change(saved.id)
            assert record is not None
            async with client(app) as http:
                body = (await http.get(str(record.ciphertext_url))).content
            assert unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=body)[1] == picture()
            urls.append(record.ciphertext_url)
        assert (await pix.get_image_records([saved.id]))[saved.id].ciphertext_url == urls[-1]
    assert len({*urls}) == 3
    assert urls[0] == saved.ciphertext_url


async def test_a_function_is_given_the_version() -> None:
    """A function returns the URL for the version's id, or None for no URL."""
    record = await save(lambda version: f"https://bucket.example/{version}")
    assert re.fullmatch(r"https://bucket\.example/[0-9a-f]{32}", str(record.ciphertext_url))
    assert "ciphertextUrl" not in await save(lambda version: None)


async def test_without_it_a_record_is_as_ever() -> None:
    """The fields and their order are those of before, so that its JSON is."""
    record = await save(None)
    assert list(record) == ["id", "token", "meta", "statelessProof", "proofExpiresAt"]
    assert record.ciphertext_url is None


@pytest.mark.parametrize("failing", [lambda version: 1 / 0, lambda version: 7])
async def test_a_function_that_fails_costs_the_url_alone(failing: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The image keeps its record, without a URL, and the log says why."""
    assert (await save(failing)).ciphertext_url is None
    assert re.search("ciphertext_url (failed for image 'players:|must return a URL or None, not int)", caplog.text)


@pytest.mark.parametrize(
    "given", ["", "cdn.example", "//cdn.example", "ftp://cdn.example", "https://", "https://a/?b", "/a b", 7, b"/a"]
)
def test_what_is_no_base_is_refused(given: Any) -> None:
    """A text that no page could ask, or that can't be appended to, is a ConfigError at start."""
    with pytest.raises(ConfigError, match="ciphertext_url must be the URL or path of a mounted PixstoreApp"):
        Pixstore(MemoryStore(), secret=SECRET, ciphertext_url=given)
