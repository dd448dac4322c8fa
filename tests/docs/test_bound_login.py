"""docs/recipes/bound-login.md: the application runs under a real server and refuses another key than the sign-in's."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from pixstore_asgi.errors import RecordError
from pixstore_asgi.testing import SealedPage, image_in, proof_headers
from tests.support.recipes import recipe, write_files
from tests.support.samples import picture
from tests.support.servers import Server

pytestmark = pytest.mark.servers

SESSION_KEY = "a-key-for-the-tests-of-the-recipes-0123456789"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with recipe(write_files(tmp_path_factory.mktemp("bound")), "bound_app", SESSION_KEY=SESSION_KEY) as server:
        yield server
        assert "Traceback" not in server.log


class Visitor:
    """A browser with a key pair, and the cookie of its session, which a browser sends over HTTPS only."""

    def __init__(self, site: Server, page: SealedPage, cookie: str = "") -> None:
        self.site, self.page, self.cookie = site, page, cookie

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        sent = {"cookie": self.cookie, **(self.page.headers if headers is None else headers)}
        answer = httpx.request(method, f"{self.site.url}{path}", headers=sent, **options)
        self.cookie = answer.headers.get("set-cookie", self.cookie).partition(";")[0]
        return answer

    def sign_in(self) -> None:
        assert self.send("POST", "/api/session/ada").status_code == 204

    def records(self, image_id: str) -> list[httpx.Response]:
        """Return the answers of the RecordsApp and of the application's own endpoint."""
        return [self.send("GET", "/api/records", params={"id": image_id}), self.send("GET", "/api/album")]

    def shows(self, image_id: str) -> bool:
        """Return whether both endpoints give records, of which this page shows the picture."""
        answers = self.records(image_id)
        if [answer.status_code for answer in answers] != [200, 200]:
            assert [answer.status_code for answer in answers] == [403, 403]
            return False
        for answer in answers:
            record = self.page.open(answer.json()[image_id])
            image = self.send("GET", f"/pixstore-image/{image_id}", headers=proof_headers(record))
            assert image_in(record, image.content) == picture()
        return True


@pytest.fixture
def ada(site: Server) -> Visitor:
    visitor = Visitor(site, SealedPage())
    visitor.sign_in()
    return visitor


def test_only_the_key_of_the_sign_in_gets_records(ada: Visitor) -> None:
    """The page that signed in shows its picture. A swapped key in a request of its session gets 403, twice."""
    image_id = ada.send("POST", "/api/pictures", content=picture()).json()
    assert ada.shows(image_id)
    assert not Visitor(ada.site, SealedPage(), ada.cookie).shows(image_id)
    assert ada.shows(image_id)


def test_a_stolen_cookie_opens_nothing(ada: Visitor) -> None:
    """With cookie and public key of the page, both of which a log may have, a thief gets records that do not open."""
    image_id = ada.send("POST", "/api/pictures", content=picture()).json()
    thief = SealedPage()
    for answer in ada.records(image_id):
        with pytest.raises(RecordError, match="sealed to another page"):
            thief.open(answer.json()[image_id])


def test_a_sign_in_binds_the_new_key(ada: Visitor) -> None:
    """After sign-out, which deletes the pair of the page, the next sign-in binds the new one."""
    image_id = ada.send("POST", "/api/pictures", content=picture()).json()
    ada.send("DELETE", "/api/session")
    assert not ada.shows(image_id)
    ada.page = SealedPage()
    assert not ada.shows(image_id)
    ada.sign_in()
    assert ada.shows(image_id)


def test_a_sign_in_needs_a_key(site: Server) -> None:
    """Without the header, and with an invalid one, there is no session."""
    for headers in ({}, {"pixstore-recipient": "x"}):
        answer = httpx.post(f"{site.url}/api/session/ada", headers=headers)
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers
    assert httpx.post(f"{site.url}/api/pictures", content=picture()).status_code == 401
