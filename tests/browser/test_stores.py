"""A real page before an application with images in PostgreSQL, in files, or in a bucket."""

from collections.abc import Iterator

import pytest

from tests.browser.engines import ENGINES
from tests.browser.engines.page import Engine
from tests.browser.support import Site, Tab, noise, running_site, shown
from tests.support.stores import STORES, new_place

pytestmark = pytest.mark.browser

SIZES = pytest.mark.parametrize("size", [48, 600], ids=["small", "of a megabyte"])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Chromium alone: where the server keeps its images is nothing that an engine sees."""
    with ENGINES["chromium"]() as opened:
        yield opened


@pytest.fixture(scope="module", params=STORES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    place = new_place(request.param, folder, request)
    environment = {"PIXSTORE_TEST_DB": place.database, **place.environment}
    if place.blobs:
        environment["PIXSTORE_TEST_BLOBS"] = place.blobs
    with running_site(folder, **environment) as running:
        yield running
        if request.param == "sqlite+files":
            assert any((folder / "bodies").glob("??/*")), "no body of these tests is a file"


@SIZES
def test_picture_is_shown_and_shown_again_from_the_cache(site: Site, tab: Tab, size: int) -> None:
    """The page gets exactly the saved bytes, and after a reload a fresh record shows them without a request."""
    image = noise("png", 1, size)
    saved = site.save(image)
    assert tab.show_until_cached(saved.id) == shown("png", image, size)
    tab.page.reload()
    assert tab.show_fresh(saved.id) == shown("png", image, size)
    assert site.states(saved.id) == ["Success"]


@SIZES
def test_update_is_shown(site: Site, tab: Tab, size: int) -> None:
    """An old record brings the new version with its key, which is then shown from the cache."""
    old, new = noise("png", 2, size), noise("webp", 3, size)
    saved = site.save(old)
    assert tab.show_until_cached(saved.id) == shown("png", old, size)
    renewed = site.update(saved.id, new)
    tab.delete_cached(saved.id)
    assert tab.show(saved) == shown("webp", new, size)
    tab.wait_until_cached(renewed)
    tab.page.reload()
    assert tab.show_fresh(saved.id) == shown("webp", new, size)
    assert site.states(saved.id) == ["Success", "Updated"]


def test_deleted_picture_is_gone_but_for_the_cache(site: Site, tab: Tab) -> None:
    """A deleted picture is shown to a user with record and copy, and is NotFound without the copy."""
    image = noise("png", 4)
    saved = site.save(image)
    tab.show_until_cached(saved.id)
    site.delete(saved.id)
    assert tab.show(saved) == shown("png", image)
    tab.delete_cached(saved.id)
    tab.page.reload()
    assert tab.failure(saved) == {"name": "NotFoundError", "reason": "NotFound", "width": 0}
    assert site.states(saved.id) == ["Success", "NotFound"]
