"""Sealed records in a real browser: pictures are shown, and updates reach them. test_key_search.py looks for keys."""

import pytest

from tests.browser.engines.page import Browser
from tests.browser.support import Shown, Site, noise, open_tab, shown, wait_for

pytestmark = pytest.mark.browser

SHOW_SEALED = """async (id) => {
  const { getRecord } = await import("/images/-/client/index.js");
  const record = await getRecord(id);
  (globalThis.heldRecords ??= []).push(record);
  return show(record);
}"""

GET_RECORD = """async (id) => {
  const { getRecord } = await import("/images/-/client/index.js");
  return getRecord(id);
}"""


@pytest.mark.all_engines
def test_a_sealed_picture_is_shown(site: Site, browser: Browser) -> None:
    """A page opens its sealed record. After a reload the record is refused, unless the client can get a fresh one."""
    image = noise("webp", 300)
    image_id = site.save(image).id
    with open_tab(browser, site, recordsUrl="/records") as tab:
        record = tab.page.evaluate(GET_RECORD, image_id)
        assert sorted(record["meta"]) == ["iv", "sealed", "tag"]
        assert tab.show(record) == shown("webp", image)
        tab.page.reload()
        assert tab.show(record) == shown("webp", image)
        tab.open(cache="off")
        assert tab.failure(record)["reason"] == "sealed"
        assert site.log.count(f"/records?id={image_id}") == 2


def test_an_update_reaches_a_sealed_record_by_a_fresh_one(site: Site, browser: Browser) -> None:
    """The server answers InvalidProof to the older record, and the page shows the new version by a fresh record."""
    image_id = site.save(noise("webp", 301)).id
    newer = noise("png", 302)
    with open_tab(browser, site, recordsUrl="/records") as tab:
        record = tab.page.evaluate(GET_RECORD, image_id)
        site.update(image_id, newer)
        assert tab.show(record) == shown("png", newer)
    assert site.states(image_id) == ["InvalidProof", "Success"]


def test_tabs_share_the_download_of_a_sealed_picture(site: Site, browser: Browser) -> None:
    """Each tab opens one download with its own record. So does a third tab, although it is given the first tab's."""
    image = noise("webp", 303)
    image_id, picture = site.save(image).id, shown("webp", image)
    with (
        open_tab(browser, site, endpoint="/held", recordsUrl="/records") as tab,
        open_tab(browser, site, endpoint="/held", recordsUrl="/records") as second,
    ):
        for asking in (tab, second):
            asking.page.evaluate("id => { globalThis.showing = (" + SHOW_SEALED + ")(id); }", image_id)
        wait_for(tab.page, "(async () => (await navigator.locks.query()).pending.length === 1)()")
        site.release()
        assert [Shown(**asking.page.evaluate("() => showing")) for asking in (tab, second)] == [picture] * 2
        with open_tab(browser, site, recordsUrl="/records") as third:
            records = [opened.page.evaluate("heldRecords[0]") for opened in (tab, second)]
            assert third.show(records[0]) == picture
    assert len({record["meta"]["sealed"] for record in records}) == 2
    assert site.log.count(f"/records?id={image_id}") == 3
    assert (site.requests(image_id, route="/held"), site.requests(image_id)) == (1, 0)
