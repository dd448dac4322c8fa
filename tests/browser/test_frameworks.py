"""The components for React, Vue and Svelte in real pages, which a bundler has made of the package."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.browser.acceptance import BLUE, GREEN, RED, SCENARIOS, Scenario, Stage, acceptance_site, name_of, plain
from tests.browser.engines import ENGINES
from tests.browser.engines.page import Browser, Engine
from tests.browser.support import Site, wait_for
from tests.support.paths import ROOT

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=[name for name in ENGINES if name != "webkit"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with ENGINES[request.param]() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    built = tmp_path_factory.mktemp("built")
    subprocess.run(["node", ROOT / "tests" / "js" / "support" / "build-pages.js", built], check=True)
    with acceptance_site(tmp_path_factory.mktemp("site"), PIXSTORE_TEST_BUILT=str(built)) as running:
        yield running


@pytest.fixture(params=["react", "vue", "svelte"])
def stage(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Stage:
    return Stage(browser, site, f"built/{request.param}.html")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_acceptance(stage: Stage, scenario: Scenario) -> None:
    """Each framework's component passes each scenario of the acceptance list."""
    scenario(stage)


def test_a_new_version_comes_without_a_flash(stage: Stage) -> None:
    """In no frame is there anything but the version before and the new one, and the URL of the one before goes."""
    saved = stage.site.save(plain(RED, 11))
    with stage.visit() as visit:
        visit.show({"key": "a", "record": saved})
        visit.page.evaluate("watchForFlash('a')")
        updated = stage.site.update(saved.id, plain(GREEN, 11))
        visit.render({"key": "a", "record": updated})
        wait_for(visit.page, "look('a').colour[1] > 150")
        seen = visit.page.evaluate("flashes()")
        assert len(seen) == 2
        assert all(colour and colour[3] == 255 for colour in seen)
        assert visit.object_urls == 1


def test_another_picture_in_the_same_place(stage: Stage) -> None:
    """Where a component is given another image, the one before is gone at once and its picture is never there again."""
    one, other = stage.site.save(plain(RED, 12)), stage.site.save(plain(BLUE, 12))
    with stage.visit() as visit:
        visit.show({"key": "a", "record": one, "eager": True})
        visit.render({"key": "a", "record": other, "eager": True})
        visit.page.evaluate("watchForFlash('a')")
        visit.wait("a", "shown")
        wait_for(visit.page, "look('a').colour[2] > 150")
        # The blur of the other one may be there before it, in about its colour.
        assert all(colour is None or colour[0] < 100 for colour in visit.page.evaluate("flashes()"))


def test_a_sign_out_empties_the_page(stage: Stage) -> None:
    """After `clear()` no picture and no object URL is there, whatever is rendered of the same records."""
    picture = {"key": "a", "record": stage.site.save(plain(RED, 13))}
    with stage.visit() as visit:
        visit.show(picture)
        visit.page.evaluate("client.clear()")
        visit.wait("a", "idle")
        visit.render({**picture, "alt": "again"})
        visit.frames(5)
        assert (visit.state("a"), visit.object_urls) == ("idle", 0)


def test_what_fails_can_be_tried_again(stage: Stage) -> None:
    """A body that is broken on its way shows the fallback with the error, and no picture."""
    picture = {"key": "a", "record": stage.site.save(plain(RED, 14)), "fallback": "not there", "eager": True}
    with stage.visit(endpoint="/flipped") as visit:
        visit.render(picture)
        assert visit.error("a") == "DecryptError"
        assert visit.page.evaluate("document.getElementById('a').innerText.trim()").startswith("not there")
        visit.page.evaluate("document.querySelector('[data-retry]').click()")
        assert visit.error("a") == "DecryptError"
        assert visit.object_urls == 0


def test_ten_thousand_components_leave_nothing(stage: Stage) -> None:
    """Mounted and unmounted, at once and in mid-load, pictures leave no object URL and no listener of the page's."""
    saved = [stage.site.save(plain(colour, 15)) for colour in (RED, GREEN)]
    with stage.visit(cache="memory") as visit:
        visit.show({"key": "a", "record": saved[0]})
        listeners = (
            "counted.listeners.map((types) => [...types.values()].reduce((sum, { size }) => sum + size, 0)).join()"
        )
        before = visit.page.evaluate(listeners)
        visit.page.evaluate(
            """async ([one, other]) => {
              for (let turn = 0; turn < 40; turn += 1) {
                const pictures = Array.from({ length: 250 }, (_, number) => ({
                  key: `${turn}-${number}`,
                  record: number % 2 ? one : { ...other, token: other.token + turn + 1 },
                  eager: number % 3 > 0,
                }));
                await stage.render(pictures);
                await stage.render([]);
              }
            }""",
            saved,
        )
        visit.frames(10)
        wait_for(visit.page, "counted.objectUrls.size === 0")
        assert visit.page.evaluate(listeners) == before
