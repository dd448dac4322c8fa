"""docs/recipes/share-links.md: links to pictures, in real pages of visitors without an account."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from pixstore_asgi import ImageRecord
from tests.browser.engines.page import Engine, lacks
from tests.browser.support import open_page, wait_for, wait_until
from tests.support.recipes import recipe, sent, write_files
from tests.support.samples import picture
from tests.support.servers import Server

pytestmark = pytest.mark.browser

SHOWN = "document.querySelector('pix-image > img')?.naturalWidth"
TEXT = "document.querySelector('main').textContent.trim()"


class Site:
    """The running recipe, and what its signed-in user does. Cookies are sent by hand: they are for HTTPS only."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.session = self.cookie(httpx.post(f"{server.url}/api/session/ada"))
        self.image_id: str = self.ask("POST", "/api/pictures", content=picture("jpeg", 64)).json()

    @staticmethod
    def cookie(answer: httpx.Response) -> str:
        return answer.raise_for_status().headers["set-cookie"].partition(";")[0]

    def ask(self, method: str, path: str, cookie: str | None = None, **more: Any) -> httpx.Response:
        return httpx.request(
            method, self.server.url + path, headers={"cookie": self.session if cookie is None else cookie}, **more
        )

    def share(self, opens: int = 1) -> tuple[str, str, str]:
        """Return the address of a new link, its id and its token."""
        answer = self.ask("POST", "/api/links", json={"images": [self.image_id], "opens": opens}).raise_for_status()
        link, token = answer.json().partition("#")[2].split(".")
        return self.server.url + answer.json(), link, token

    def open(self, link: str, token: str, cookie: str = "") -> httpx.Response:
        return self.ask("POST", "/api/shared", cookie, json={"link": link, "token": token})

    def state(self, record: ImageRecord, cookie: str) -> str:
        headers = sent(record, cookie=cookie)
        return httpx.get(f"{self.server.url}/shared-image/{record.id}", headers=headers).headers["x-pixstore-state"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = write_files(tmp_path_factory.mktemp("shared"))
    with recipe(folder, "share_app", SESSION_KEY="a-key-for-the-tests-of-the-recipes-0123456789") as server:
        yield Site(server, folder)


def test_a_link_shows_its_pictures_until_it_ends(engine: Engine, site: Site) -> None:
    """Each browser that opens a link counts once, reloads are free, and the token reaches no log and no history."""
    if engine.name == "webkit":
        lacks(engine.name, "it takes no secure cookie over plain HTTP, not even from 127.0.0.1")
    address, link, token = site.share(opens=1)
    with engine.launch() as browser, open_page(browser) as page:
        page.goto(address)
        wait_for(page, f"{SHOWN} === 64")
        assert page.evaluate("[location.hash, document.cookie]") == ["", ""]
        page.reload()
        wait_for(page, f"{SHOWN} === 64")
        assert site.open(link, token).status_code == 404
        site.ask("DELETE", f"/api/links/{link}").raise_for_status()
        opened = site.server.log.count("POST /api/shared")
        page.goto(address)  # only the fragment changes, so the page loads itself again
        wait_until(lambda: site.server.log.count("POST /api/shared") > opened, "the page asks again")
        wait_for(page, f"{TEXT} === 'this link has ended'")
    assert "POST /api/shared" in site.server.log
    assert token not in site.server.log
    assert token.encode() not in b"".join(path.read_bytes() for path in site.folder.glob("links.db*"))


def test_a_visitor_gets_variants_only(site: Site) -> None:
    """The records of a link are of variants, and their proofs read no original."""
    _, link, token = site.share()
    answer = site.open(link, token)
    (record,) = (ImageRecord.parse(each) for each in answer.json())
    assert (record.id, answer.headers["cache-control"]) == (f"{site.image_id}~shared", "no-store")
    cookie = site.cookie(answer)
    assert site.state(record, cookie) == "Success"
    assert site.state(ImageRecord({**record, "id": site.image_id}), cookie) == "InvalidProof"
    assert site.state(record, "") == "InvalidProof"


@pytest.mark.parametrize("how", ["deleted", "expired"])
def test_the_end_of_a_link_ends_its_running_proofs(site: Site, how: str) -> None:
    """A record that was served a moment ago is refused, and so is the next open; another link goes on."""
    links = [site.share(opens=2)[1:] for _ in range(2)]
    answers = [site.open(*link) for link in links]
    records = [ImageRecord.parse(answer.json()[0]) for answer in answers]
    cookies = [site.cookie(answer) for answer in answers]
    assert [site.state(*each) for each in zip(records, cookies, strict=True)] == ["Success"] * 2
    if how == "deleted":
        site.ask("DELETE", f"/api/links/{links[0][0]}").raise_for_status()
    else:
        with sqlite3.connect(site.folder / "links.db") as db:
            db.execute("UPDATE links SET expires = 0 WHERE id = ?", (links[0][0],))
    assert [site.state(*each) for each in zip(records, cookies, strict=True)] == ["InvalidProof", "Success"]
    assert [site.open(*links[0], cookie=each).status_code for each in (cookies[0], "")] == [404, 404]


def test_opens_are_counted_exactly(site: Site) -> None:
    """Of twelve visitors at the same time, as many as the link allows get records. A wrong token counts nothing."""
    _, link, token = site.share(opens=3)
    assert site.open(link, "x" * len(token)).status_code == 404
    with ThreadPoolExecutor(12) as pool:
        states = list(pool.map(lambda _: site.open(link, token).status_code, range(12)))
    assert sorted(states) == [200] * 3 + [404] * 9


def test_only_the_owner_shares_and_ends(site: Site) -> None:
    """Another user's pictures cannot be shared, and another user's links cannot be ended."""
    _, link, token = site.share()
    other = site.cookie(httpx.post(f"{site.server.url}/api/session/eve"))
    body = {"images": [site.image_id]}
    assert [site.ask("POST", "/api/links", each, json=body).status_code for each in ("", other)] == [401, 403]
    site.ask("DELETE", f"/api/links/{link}", other)
    assert site.open(link, token).status_code == 200


@pytest.mark.parametrize("limit", ['"hours": "inf"', '"hours": 9999', '"opens": 1' + "0" * 30])
def test_a_link_has_an_end(site: Site, limit: str) -> None:
    """A link that would never end, by its hours or its opens, is refused with 422."""
    body = f'{{"images": ["{site.image_id}"], {limit}}}'
    headers = {"cookie": site.session, "content-type": "application/json"}
    answer = httpx.post(f"{site.server.url}/api/links", content=body, headers=headers)
    assert answer.status_code == 422
