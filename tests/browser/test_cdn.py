"""A page with records that name a CDN: nginx with the configuration in cdn.md, on its own origin."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from pixstore_asgi import ImageRecord
from tests.browser.engines.page import Engine
from tests.browser.support import Site, noise, open_tab, running_site, shown
from tests.support.cdn import running_cdn
from tests.support.servers import free_port

pytestmark = [pytest.mark.browser, pytest.mark.servers]


class Cached(NamedTuple):
    """A site, and the folder and port of the CDN before it."""

    site: Site
    folder: Path
    port: int


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cached]:
    folder, port = tmp_path_factory.mktemp("cdn"), free_port()
    with running_site(folder, PIXSTORE_TEST_CIPHERTEXT_URL=f"http://127.0.0.1:{port}/images") as site:
        yield Cached(site, folder, port)


def bodies(site: Site, record: ImageRecord) -> list[int]:
    """Count the application's requests: bare ciphertext, images, batches."""
    path = urlsplit(str(record.ciphertext_url)).path
    return [site.log.count(f'"GET {path}'), site.requests(record.id), site.log.count('"POST /images/-/batch')]


@pytest.mark.parametrize("size", [48, 600], ids=["small", "large"])
def test_the_second_viewer_costs_the_application_no_body(
    cached: Cached, engine: Engine, size: int, tmp_path: Path
) -> None:
    """Three visitors see a picture, the application has sent it once; each has it in the cache as ever."""
    image = noise("png", seed=size, size=size)
    site = cached.site
    saved = site.save(image)
    batches = bodies(site, saved)[2]
    with running_cdn(tmp_path / "nginx", cached.port, site.url):
        for _ in range(3):
            with engine.launch() as browser, open_tab(browser, site) as tab:
                assert tab.show_until_cached(saved.id) == shown("png", image, size)
    assert bodies(site, saved) == [1, 0, batches]


def test_while_the_cdn_is_away_pictures_are_shown(cached: Cached, engine: Engine) -> None:
    """Without a server there, every picture comes by the image route, with no error that the page could see."""
    with engine.launch() as browser, open_tab(browser, cached.site) as tab:
        for seed in (1, 2):
            image = noise("png", seed)
            saved = cached.site.save(image)
            assert tab.show_until_cached(saved.id) == shown("png", image)
            assert bodies(cached.site, saved)[:2] == [0, 1]
        assert not tab.cache_errors


@pytest.mark.parametrize("path", ["/storable?hex=00ff", "/nothing", "/", "/images/-/client/index.js"])
def test_what_is_no_ciphertext_of_this_image_is_not_shown(cached: Cached, engine: Engine, path: str) -> None:
    """Garbage, an error or a page in the ciphertext's place is passed over for the image route, relative URLs too."""
    image = noise("png", seed=3)
    saved = cached.site.save(image)
    record = ImageRecord({**saved, "ciphertextUrl": path})
    with engine.launch() as browser, open_tab(browser, cached.site) as tab:
        assert tab.show(record) == shown("png", image)
        tab.wait_until_cached(record)
    assert path.partition("?")[0] in cached.site.log
    assert bodies(cached.site, saved)[:2] == [0, 1]


def test_a_relative_url_is_the_pages_own(cached: Cached, engine: Engine) -> None:
    """A record may name the ciphertext at the page's own origin, and a picture comes from there alone."""
    image = noise("png", seed=4)
    saved = cached.site.save(image)
    url = urlsplit(str(saved.ciphertext_url))
    with engine.launch() as browser, open_tab(browser, cached.site) as tab:
        assert tab.show(ImageRecord({**saved, "ciphertextUrl": f"{url.path}?{url.query}"})) == shown("png", image)
    assert bodies(cached.site, saved)[:2] == [1, 0]
