"""cdn.md: its nginx configuration as a cache; the application's log shows the requests that pass it."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from pixstore_asgi import ImageRecord
from pixstore_asgi.core.cipher import unseal
from tests.browser.support import Site, running_site
from tests.support.cdn import running_cdn
from tests.support.samples import large_png, picture
from tests.support.servers import free_port

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("cdn"), free_port()
    base = f"http://127.0.0.1:{port}/images"
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(running_site(folder, PIXSTORE_TEST_CIPHERTEXT_URL=base))
        stack.enter_context(running_cdn(folder / "nginx", port, site.url))
        yield site


def ask(record: ImageRecord, **headers: str) -> httpx.Response:
    return httpx.get(str(record.ciphertext_url), headers=headers, trust_env=False)


def asked_for(site: Site, record: ImageRecord) -> int:
    """Count the requests for a record's ciphertext that have reached the application."""
    return site.log.count(f'"GET {httpx.URL(str(record.ciphertext_url)).raw_path.decode()} ')


def opened(record: ImageRecord, body: bytes) -> bytes:
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=body)[1]


@pytest.mark.parametrize("size", [3000, 3_000_000])
def test_the_second_viewer_costs_the_application_nothing(site: Site, size: int) -> None:
    """Of many requests, some at the same moment, one reaches the application, and all get the ciphertext."""
    record = site.save(large_png(size))
    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(ask, [record] * 8))
    again = ask(record, origin="https://other.example", cookie="session=1")
    assert {opened(record, response.content) for response in (*first, again)} == {large_png(size)}
    assert again.headers["x-cache-status"] == "HIT"
    assert again.headers["access-control-allow-origin"] == "*"
    assert again.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asked_for(site, record) == 1


def test_the_cache_serves_ranges_and_knows_the_etag(site: Site) -> None:
    """The cache answers ranges and 304, in either order of the requests."""
    record = site.save(picture())
    part, whole = ask(record, range="bytes=3-9"), ask(record)
    assert (part.status_code, part.content) == (206, whole.content[3:10])
    assert ask(record, **{"if-none-match": whole.headers["etag"]}).status_code == 304
    assert asked_for(site, record) == 1


def test_what_is_gone_is_kept_by_nobody_and_what_was_kept_stays(site: Site) -> None:
    """A version that was replaced is 404 each time anew; one that the cache had before is given out still."""
    kept, missed = site.save(picture()), site.save(picture())
    before = ask(kept)
    for record in (kept, missed):
        site.update(record.id, picture("jpeg"))
    assert [ask(missed).status_code, ask(missed).status_code] == [404, 404]
    assert asked_for(site, missed) == 2
    assert ask(kept).content == before.content
    assert asked_for(site, kept) == 1


def test_nothing_else_passes(site: Site) -> None:
    """Image route, batch and client are not to be had at the cache."""
    record = site.save(picture())
    base = str(record.ciphertext_url).partition("/-/")[0]
    for path in (f"/{record.id}", "/-/batch", "/-/client/index.js"):
        assert httpx.get(base + path, trust_env=False).status_code == 404
    assert site.requests(record.id) == 0


def test_the_application_serves_it_itself(site: Site) -> None:
    """At the application's own address there are the same bytes, which are those of the payload."""
    record = site.save(picture())
    path = httpx.URL(str(record.ciphertext_url)).raw_path.decode()
    response = httpx.get(site.url + path, trust_env=False)
    assert opened(record, response.content) == picture()
    assert site.payload(record)[1:] == response.content
