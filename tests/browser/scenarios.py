"""The acceptance list: one scenario for each row of the table in docs/front-end.md. acceptance.py has its tools."""

import re

import pytest

from pixstore_asgi import ImageRecord
from tests.browser.acceptance import BLUE, GREEN, HEIGHT, RED, WIDTH, Remains, Scenario, Stage, Visit, name_of, plain
from tests.browser.support import Site, wait_for, wait_until

LOADED_PX, NEAR_PX = 280, 400  # how far from the screen pictures are loaded at least, and held at most
"""Pictures are got within 300 px of the screen; those that reach a little into that lie nearer than this."""
WARM_UP = 1000
SLACK_BYTES, SLACK_NODES = 100, 1 / 100
"""The growth that an engine may have after its warm-up, in each cycle."""


def first_load(stage: Stage) -> None:
    """A placeholder, then the picture, of a record and of an id alone; both share one URL and one download."""
    saved = stage.site.save(plain(RED))
    with stage.visit(endpoint="/held") as visit:
        visit.render({"key": "a", "record": saved, "alt": "A red one"}, {"key": "b", "id": saved.id})
        wait_for(visit.page, "look('a').hasPlaceholder")
        wait_until(lambda: stage.site.held(saved.id) == 1, "that the server was asked")
        assert visit.state("a") == "loading"
        stage.site.release()
        for key, alt in (("a", "A red one"), ("b", "")):
            visit.wait(key, "shown")
            seen = visit.look(key)
            assert (seen.colour, seen.alt, seen.box[2:]) == (RED, alt, (WIDTH, HEIGHT))
        wait_for(visit.page, "!look('a').hasPlaceholder && !look('b').hasPlaceholder")
        assert (visit.object_urls, visit.downloads) == (1, 1)


def reload(stage: Stage) -> None:
    """After a reload a picture comes out of the cache: its payload is not fetched again."""
    saved = stage.site.save(plain(RED, 1))
    with stage.visit() as visit:
        visit.show({"key": "a", "record": saved})
        until_stored(visit, saved)
        visit.reload()
        visit.show({"key": "a", "record": visit.record(saved.id)})
        assert (visit.look("a").colour, visit.downloads) == (RED, 0)


def scroll_of_1000_images(stage: Stage) -> None:
    """Only pictures near the screen are got and held, wherever that is, and those that were seen are there at once."""
    pictures = [
        {"key": f"p{number}", "id": image_id, "width": 160, "height": 120}
        for number, image_id in enumerate(stage.site.thousand)
    ]
    with stage.visit() as visit:
        visit.render(*pictures)
        seen = sum(scroll_to(visit, tenth / 10) for tenth in range(11))
        assert visit.state("p999") == "shown"
        assert visit.look("p999").colour is not None
        assert visit.look("p0").colour is None
        downloads = visit.downloads
        assert downloads <= seen < 500
        scroll_to(visit, 0)
        assert visit.look("p0").colour is not None
        assert visit.downloads == downloads


def in_sight_first(stage: Stage) -> None:
    """Pictures out of sight are requested after those in sight, or as soon as they come into sight."""
    above, seen, below = saved = [stage.site.save(plain(colour, 40)) for colour in (RED, GREEN, BLUE)]
    with stage.visit(endpoint="/held") as visit:
        screen = int(visit.page.evaluate("innerHeight"))
        visit.page.evaluate("() => void (document.querySelector('main').style.padding = '200px 0 9000px')")
        visit.page.evaluate("scrollTo(0, 300)")
        heights = {"above": 50, "seen": screen + 150, "below": 50}
        visit.render(
            *(
                {"key": key, "record": record, "width": 80, "height": heights[key]}
                for key, record in zip(heights, saved, strict=True)
            )
        )
        _wait_for_request(stage, seen)
        visit.frames(3)
        assert (_requests(stage, above), _requests(stage, below)) == (0, 0)
        visit.page.evaluate("scrollTo(0, 220)")
        _wait_for_request(stage, above)
        visit.frames(3)
        assert _requests(stage, below) == 0
        stage.site.release()
        _wait_for_request(stage, below)
        stage.site.release()
        for key in heights:
            visit.wait(key, "shown")
        assert [_requests(stage, record) for record in saved] == [1, 1, 1]


def _requests(stage: Stage, record: ImageRecord) -> int:
    """Count the requests of an image or of a variant of it below /held so far."""
    return len(re.findall(rf"/held/{re.escape(record.id)}\S*: waits", stage.site.log))


def _wait_for_request(stage: Stage, record: ImageRecord) -> None:
    wait_until(lambda: _requests(stage, record), f"that {record.id} was requested")


def record_change(stage: Stage) -> None:
    """No frame is between two versions of an image; another image's picture is gone at once. One URL is left."""
    saved, other = stage.site.save(plain(RED, 2)), stage.site.save(plain(BLUE, 2))
    with stage.visit() as visit:
        visit.show({"key": "a", "record": saved})
        visit.page.evaluate("watchForFlash('a')")
        visit.render({"key": "a", "record": stage.site.update(saved.id, plain(GREEN, 2))})
        wait_for(visit.page, "look('a').colour[1] > 150")
        visit.frames(2)
        seen = visit.page.evaluate("flashes()")
        assert len(seen) == 2
        assert all(colour and colour[3] == 255 for colour in seen)
        assert visit.object_urls == 1
        visit.render({"key": "a", "record": other})
        visit.page.evaluate("watchForFlash('a')")
        wait_for(visit.page, "look('a').colour?.[2] > 150")
        visit.wait("a", "shown")
        # The blur of the other one may be there before it, in about its colour.
        assert all(colour is None or colour[1] < 100 for colour in visit.page.evaluate("flashes()"))
        assert visit.object_urls == 1


def update_elsewhere(stage: Stage) -> None:
    """An old record shows the new version, unless the old one is cached; a fresh record does always."""
    old = stage.site.save(plain(RED, 3))
    stage.site.update(old.id, plain(GREEN, 3))
    with stage.visit() as visit:
        visit.show({"key": "a", "record": old})
        assert (visit.look("a").colour, stage.site.states(old.id)) == (GREEN, ["Updated"])
        current = visit.record(old.id)
        stage.site.update(old.id, plain(BLUE, 3))
        visit.show({"key": "b", "record": current})
        assert (visit.look("b").colour, visit.downloads) == (GREEN, 1)
        visit.show({"key": "c", "id": old.id})
        assert (visit.look("c").colour, visit.downloads) == (BLUE, 2)
        for record in (old, current):
            visit.render()
            visit.show({"key": "d", "record": record})
            assert visit.look("d").colour == BLUE


def delete(stage: Stage) -> None:
    """Once an image is deleted, and one tab says so, its picture is in no tab, and no other has gone."""
    saved = {key: stage.site.save(plain(RED, number)) for number, key in enumerate("abc", 4)}
    pictures = [{"key": key, "record": record} for key, record in saved.items()]
    with stage.visit() as visit, stage.visit() as other:
        for each in (visit, other):
            each.show(*pictures)
        for key, teller in (("a", visit), ("b", other)):
            stage.site.delete(saved[key].id)
            teller.page.evaluate("id => client.deleteCachedImage(id)", saved[key].id)
            for each in (visit, other):
                assert each.error(key) == "NotFoundError"
                assert each.page.evaluate("key => look(key)?.colour ?? null", key) is None
        for each in (visit, other):
            assert (each.look("c").colour, each.object_urls) == (RED, 1)


def sign_out(stage: Stage) -> None:
    """After `clear()` in either tab no tab shows a picture, of the same record neither, nor one that was far away."""
    saved = stage.site.save(plain(RED, 7))
    with stage.visit() as visit, stage.visit() as other:
        for one_that_clears in (visit, other):
            picture = {"key": "a", "record": visit.record(saved.id)}
            for each in (visit, other):
                each.show(picture)
            one_that_clears.page.evaluate("client.clear()")
            for each in (visit, other):
                each.wait("a", "idle")
                each.render({**picture, "alt": "again"})
                assert (each.state("a"), each.look("a").colour, each.object_urls) == ("idle", None, 0)
                assert each.page.evaluate("id => client.cachedImageExists(id)", saved.id) is False
            for each in (visit, other):
                each.render()
    with stage.visit() as visit:
        tall = {"key": "tall", "record": saved, "width": 20, "height": 9000}
        visit.show(tall)
        visit.render(tall, {"key": "far", "record": saved})
        visit.page.evaluate("client.clear()")
        visit.wait("tall", "idle")
        visit.page.evaluate("document.getElementById('far').scrollIntoView()")
        visit.frames(20)
        assert (visit.state("far"), visit.look("far").colour, visit.object_urls) == ("idle", None, 0)


def offline_reload(stage: Stage) -> None:
    """Without a network an open page still shows pictures. A new page shows no cached picture until the network is
    back, unless its client has the option `offline`.
    """
    saved, unseen, kept = (stage.site.save(plain(colour, 8)) for colour in (RED, BLUE, GREEN))
    picture, elsewhere = {"key": "a", "record": saved}, {"key": "b", "record": saved}
    with stage.on_a_line() as (stage_there, line), stage_there.visit(retries="0") as visit:
        visit.show(picture)
        until_stored(visit, saved)
        line.cut()
        visit.render(picture, elsewhere, {"key": "c", "record": unseen, "eager": True})
        assert visit.error("c") == "FetchError"
        visit.wait("b", "shown")
        assert (visit.look("a").colour, visit.look("b").colour) == (RED, RED)
        line.mend()
        visit.reload()
        line.cut()
        visit.render({"key": "a", "id": saved.id, "eager": True})
        assert visit.error("a") == "FetchError"
        assert visit.page.evaluate("id => client.cachedImageExists(id)", saved.id) is True
        assert visit.object_urls_ever == 0
        line.mend()
        visit.page.evaluate("stage.retry('a')")
        visit.wait("a", "shown")
        assert (visit.look("a").colour, visit.downloads) == (RED, 0)
        lasting = {"key": "a", "id": kept.id, "eager": True}
        visit.open(offline="true", retries="0")
        visit.show(lasting)
        wait_for(visit.page, "(async () => (await client.stats()).images > 1)()")
        visit.reload()
        visit.page.evaluate("client.recipientHeaders()")  # loads the client's last file
        line.cut()
        visit.show(lasting)
        assert (visit.look("a").colour, visit.downloads) == (GREEN, 0)
        visit.page.evaluate("client.clear()")
        visit.render()
        visit.render(lasting)
        assert visit.error("a") == "FetchError"


def outage(stage: Stage) -> None:
    """A picture that failed without a network loads by itself once the browser is online again."""
    saved = stage.site.save(plain(RED, 13))
    with stage.on_a_line() as (stage_there, line), stage_there.visit(retries="0") as visit:
        line.cut()
        visit.render({"key": "a", "record": saved, "eager": True})
        assert visit.error("a") == "FetchError"
        line.mend()
        visit.page.evaluate("void dispatchEvent(new Event('online'))")
        visit.wait("a", "shown")
        assert (visit.look("a").colour, visit.downloads) == (RED, 1)


def expired_record(stage: Stage) -> None:
    """The client gets a fresh record where it can, at once or when it is refused; else there is an error."""
    known, late, lost = (stage.site.save(plain(colour, 9)) for colour in (RED, GREEN, BLUE))
    with stage.visit() as visit:
        visit.show({"key": "a", "record": stage.site.expired(known.id)})
        assert (visit.look("a").colour, stage.site.states(known.id)) == (RED, ["Success"])
        # In a page whose clock is an hour late.
        expires_at = stage.site.expired(late.id)["proofExpiresAt"] + 3_600_000
        visit.show({"key": "b", "record": {**stage.site.expired(late.id), "proofExpiresAt": expires_at}})
        assert (visit.look("b").colour, stage.site.states(late.id)) == (GREEN, ["InvalidProof", "Success"])
    with stage.visit(recordsUrl="") as visit:
        visit.render({"key": "a", "record": stage.site.expired(lost.id), "eager": True})
        assert visit.error("a") == "RefusedError"
        assert visit.object_urls_ever == 0
        visit.show({"key": "a", "record": visit.record(lost.id), "eager": True})
        assert visit.look("a").colour == BLUE


def record_of_another_page(stage: Stage) -> None:
    """A sealed record that this page can't open is replaced once. If the next one fails too, it is an error."""
    wanted, record = stage.site.save(plain(RED, 14)), stage.site.save(plain(GREEN, 14))
    with stage.visit() as visit:
        foreign = visit.page.evaluate(FROM_ANOTHER_PAGE, record.id)
        assert sorted(foreign["meta"]) == ["iv", "sealed", "tag"]
        visit.show({"key": "a", "id": wanted.id})
        visit.show({"key": "a", "id": wanted.id}, {"key": "b", "record": foreign})
        assert (visit.look("a").colour, visit.look("b").colour) == (RED, GREEN)
        assert record_and_image_requests(stage.site, wanted, "/records") == (1, 1)
        assert record_and_image_requests(stage.site, record, "/records") == (1, 2)
    with stage.visit(recordsUrl=ANOTHER_PAGE, cache="memory") as visit:
        for times in (1, 2):
            visit.render({"key": "a", "record": foreign})
            assert visit.error("a") == "RecordError"
            visit.render({"key": "a", "record": foreign, "alt": "again"})
            visit.frames(10)
            assert record_and_image_requests(stage.site, record, ANOTHER_PAGE) == (1 + times, 2 + 2 * times)
            visit.render()
        assert visit.object_urls_ever == 0


ANOTHER_PAGE = "/records-of-another-page"
FROM_ANOTHER_PAGE = f"async (id) => (await (await fetch(`{ANOTHER_PAGE}?id=${{id}}`)).json())[id]"


def record_and_image_requests(site: Site, record: ImageRecord, route: str) -> tuple[int, int]:
    """Count the requests of an image's record and of its payload so far."""
    return site.log.count(f'"GET {route}?id={record.id} '), site.requests(record.id)


def broken_body(stage: Stage) -> None:
    """A body that is broken on its way is an error and no picture; each retry asks anew, and shows a whole one."""
    saved = stage.site.save(plain(RED, 10))
    with stage.visit(endpoint="/flipped-twice") as visit:
        visit.render({"key": "a", "record": saved, "fallback": "not there", "eager": True})
        for requests in (1, 2):
            assert visit.error("a") == "DecryptError"
            assert visit.page.evaluate("document.getElementById('a').innerText.trim()").startswith("not there")
            assert stage.site.requests(saved.id, route="/flipped-twice") == requests
            assert visit.object_urls_ever == 0
            visit.page.evaluate("document.querySelector('[data-retry]').click()")
        visit.wait("a", "shown")
        assert "not there" not in visit.look("a").text
        assert visit.look("a").colour == RED


def unmount_in_mid_load(stage: Stage) -> None:
    """The request ends, and no URL is made; the same picture elsewhere is asked for anew, and shown."""
    saved = stage.site.save(plain(RED, 11))
    with stage.visit(endpoint="/held") as visit:
        visit.render({"key": "a", "record": saved, "eager": True})
        wait_until(lambda: stage.site.held(saved.id) == 1, "that the server was asked")
        visit.render()
        wait_until(lambda: stage.site.left(saved.id) == 1, "that the request was ended")
        assert visit.object_urls_ever == 0
        visit.render({"key": "b", "record": saved, "eager": True})
        wait_until(lambda: stage.site.held(saved.id) == 2, "that the server was asked again")
        stage.site.release()
        visit.wait("b", "shown")
        assert (visit.look("b").colour, stage.site.left(saved.id)) == (RED, 1)


def mount_and_unmount(stage: Stage, times: int) -> None:
    """Mounted and unmounted, at once and in mid-load, pictures leave no object URL, listener, node or memory."""
    saved = [stage.site.save(plain(colour, 12)) for colour in (RED, GREEN)]
    with stage.visit(cache="memory") as visit:
        visit.show({"key": "a", "record": saved[0]})
        cycle(visit, WARM_UP, saved)
        before = visit.remains()
        # Bytes and nodes that are left show by many, and only where they are counted; a URL or a listener shows by few.
        count = times - WARM_UP if before.nodes else WARM_UP
        cycle(visit, count, saved)
        wait_until(lambda: is_clean(visit.remains(), before, count), f"that nothing is left beside {before}")


def mount_and_unmount_4000_times(stage: Stage) -> None:
    """The default length, with the same growth allowed for each cycle as in the long one."""
    mount_and_unmount(stage, 4_000)


def mount_and_unmount_10000_times(stage: Stage) -> None:
    """The length of the table's row, with --soak only."""
    mount_and_unmount(stage, 10_000)


SCENARIOS: list[Scenario] = [
    first_load,
    reload,
    scroll_of_1000_images,
    in_sight_first,
    record_change,
    update_elsewhere,
    delete,
    sign_out,
    offline_reload,
    outage,
    expired_record,
    record_of_another_page,
    broken_body,
    unmount_in_mid_load,
    mount_and_unmount_4000_times,
    mount_and_unmount_10000_times,
]

SLOW = {scroll_of_1000_images, mount_and_unmount_4000_times}
LONG = {mount_and_unmount_10000_times}
IN_ALL_ENGINES = {first_load, record_change, unmount_in_mid_load}
"""Engines differ in how they paint a picture and end a request. With --soak all scenarios run in all engines."""


def _marks(scenario: Scenario) -> list[pytest.MarkDecorator]:
    if scenario in SLOW | LONG:
        return [pytest.mark.slow, *([pytest.mark.soak] if scenario in LONG else [])]
    return [pytest.mark.all_engines] if scenario in IN_ALL_ENGINES else []


each_scenario = pytest.mark.parametrize(
    "scenario", [pytest.param(each, id=name_of(each), marks=_marks(each)) for each in SCENARIOS]
)


def until_stored(visit: Visit, record: ImageRecord) -> None:
    """Wait until the cache has an image, which is shown before."""
    wait_for(visit.page, "(async () => (await client.stats()).images > 0)()")
    assert visit.page.evaluate("id => client.cachedImageExists(id)", record.id) is True


def scroll_to(visit: Visit, part: float) -> int:
    """Scroll, wait until pictures near the screen are shown and others released, and count those that are near."""
    visit.page.evaluate("part => scrollTo(0, part * (document.documentElement.scrollHeight - innerHeight))", part)
    shown = "then((all) => all.every((it) => it === 'shown'))"
    wait_for(visit.page, f"Promise.all(near({LOADED_PX}).map(stage.state)).{shown}")
    wait_for(visit.page, f"counted.objectUrls.size <= near({NEAR_PX}).length")
    return int(visit.page.evaluate(f"near({NEAR_PX}).length"))


def is_clean(after: Remains, before: Remains, cycles: int) -> bool:
    """Tell whether a page holds as little as before these cycles. An engine may free some of it late."""
    return (
        (after.object_urls, after.listeners) == (0, before.listeners)
        and after.nodes < before.nodes + cycles * SLACK_NODES
        and after.heap_bytes < before.heap_bytes + cycles * SLACK_BYTES
    )


def cycle(visit: Visit, count: int, saved: list[ImageRecord]) -> None:
    visit.page.evaluate("([count, saved]) => cycle(count, saved)", [count, saved])
    visit.frames(10)
    wait_for(visit.page, "counted.objectUrls.size === 0")
