"""The client for tests of pages, in a real page."""

import pytest

from tests.browser.support import Tab, wait_for

pytestmark = pytest.mark.browser

SHOWN = """async () => {
  const { createTestClient, fillInBrowser } = await import("/src/testing/index.js");
  const { createView } = await import("/src/view/index.js");
  const { createObjectURL } = URL;
  fillInBrowser();
  globalThis.testClient = createTestClient();
  const view = createView(testClient, ({ status, url, error }) => {
    if (url) picture.src = url;
    globalThis.status = error ? `${status}: ${error.message}` : status;
  }, () => {});
  globalThis.view = view;
  view.show(testClient.addImage("players:ada"));
  return URL.createObjectURL === createObjectURL;
}"""

SEALED = """async () => {
  const { createTestClient } = await import("/src/testing/index.js");
  const client = createTestClient({ refreshes: false });
  client.addImage("players:ada");
  const [own, other] = [await client.recipientHeaders(), await createTestClient().recipientHeaders()];
  const error = await client.getImage(client.record("players:ada", other)).catch((caught) => caught);
  picture.src = (await client.objectUrl(client.record("players:ada", own))).url;
  await picture.decode();
  return [error.reason, picture.naturalWidth];
}"""


def test_its_picture_is_drawn(tab: Tab) -> None:
    """The default picture is one to the browser, which lacks nothing that would be filled in."""
    assert tab.page.evaluate(SHOWN) is True
    wait_for(tab.page, "status === 'shown' && picture.naturalWidth === 16 && picture.naturalHeight === 12")
    tab.page.evaluate("view.end()")
    assert tab.page.evaluate("testClient.state()") == {"loading": [], "shown": [], "listeners": 0}


def test_a_sealed_record_is_shown_only_in_its_page(tab: Tab) -> None:
    """A record of another page is an error. One that is sealed to the client is shown."""
    assert tab.page.evaluate(SEALED) == ["sealed", 16]


def test_what_is_no_picture_is_an_error(tab: Tab) -> None:
    """Bytes of a test's own that the browser can't draw fail as such bytes from a server do."""
    tab.page.evaluate(SHOWN)
    tab.page.evaluate('view.show(testClient.update("players:ada", new TextEncoder().encode("no picture")))')
    wait_for(tab.page, "status.startsWith('error')")
    assert "can't draw" in tab.page.evaluate("status")
