"""Each package's client, in Node and in Chromium, reads from the other package's server."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from pixstore_asgi import ImageRecord, decode_payload
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.core.formats import FORMAT_BYTES
from pixstore_asgi.core.padding import padding
from pixstore_asgi.testing import SealedPage
from tests.interop.peers import Peer, request
from tests.interop.sides import NODE_FOLDER, Setup, Side
from tests.interop.tabs import Tabs
from tests.support.s3 import S3Server
from tests.support.samples import ALL_KINDS, large_png, picture
from tests.support.stores import STORES, new_place

pytestmark = [pytest.mark.servers, pytest.mark.browser]

HEADERS = {"authorization": "Bearer letmein"}
OTHER = {"npm": "ours", "ours": "npm"}
Answers = list[dict[str, str]]


class Client(NamedTuple):
    """A client in a place where it runs; `read` takes the fields of readAll in tests/js/interop/clients.js."""

    name: str
    in_page: bool
    read: Callable[..., Answers]

    def read_by_default(self, peer: Peer, records: list[ImageRecord]) -> Answers:
        """Read from a peer's default endpoint, configured by host, port and route where the client knows a scheme."""
        url = urlsplit(peer.endpoint)
        config: dict[str, Any] = {
            "defaultEndpointConnectHost": url.hostname,
            "defaultEndpointConnectPort": url.port,
            "defaultEndpointRoute": url.path,
        }
        if self.name == "ours" and not self.in_page:
            config = {"endpoint": peer.endpoint}
        return self.read(peer, config=config, records=records)

    def read_by_own_fetcher(self, peer: Peer, records: list[ImageRecord], headers: dict[str, str]) -> Answers:
        """Read from a peer's own endpoint by a fetcher that sends the headers it gets as context."""
        return self.read(peer, config={}, endpoint=peer.endpoint, headers=headers, records=records)


def read_in_node(name: str, node_path: str) -> Callable[..., Answers]:
    def read(peer: Peer, **wanted: Any) -> Answers:
        asked = json.dumps({"client": name, **wanted})
        command = [node_path, str(NODE_FOLDER / "interop" / "read.mjs")]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, timeout=60)
        answers: Answers = json.loads(done.stdout)
        return answers

    return read


def read_in_page(name: str, tabs: Tabs, side: Side) -> Callable[..., Answers]:
    def read(peer: Peer, **wanted: Any) -> Answers:
        # A default endpoint is read from another origin, an application's own from its own pages.
        origin = peer.app if "endpoint" in wanted else side.shared.app
        answers: Answers = tabs.run("readAll", origin, client=name, **wanted)
        return answers

    return read


@pytest.fixture(params=["npm-node", "npm-chromium", "ours-node", "ours-chromium"])
def client(request: pytest.FixtureRequest, sides: dict[str, Side]) -> Client:
    name, place = request.param.split("-")
    if place == "node":
        return Client(name, False, read_in_node(name, request.getfixturevalue("node_path")))
    return Client(name, True, read_in_page(name, request.getfixturevalue("tabs"), sides[name]))


IMAGES = {
    "png": picture("png"),
    "webp": picture("webp"),
    "jpeg": picture("jpeg"),
    "large png": large_png(3_800_000),
}


def shown(kind: str) -> dict[str, str]:
    return {"type": f"image/{kind.split()[-1]}", "sha256": hashlib.sha256(IMAGES[kind]).hexdigest()}


def test_default_endpoint_is_read_across_origins(client: Client, sides: dict[str, Side]) -> None:
    """Every format arrives with its registered type, from the network and from the cache."""
    peer = sides[OTHER[client.name]].shared
    records = [peer.save(image, directory="players") for image in IMAGES.values()]
    answers = client.read_by_default(peer, [*records, records[0]])
    assert answers == [*map(shown, IMAGES), shown("png")]


def test_own_endpoint_is_read_by_a_custom_fetcher(client: Client, sides: dict[str, Side]) -> None:
    """A custom fetcher gets the record and the context: the application demands the context's header."""
    peer = sides[OTHER[client.name]].lasting(Setup(own_endpoint=True))
    records = [peer.save(image) for image in IMAGES.values()]
    answers = client.read_by_own_fetcher(peer, [*records, records[0]], HEADERS)
    (refused,) = client.read_by_own_fetcher(peer, records[:1], {"authorization": "Bearer guessed"})
    assert answers == [*map(shown, IMAGES), shown("png")]
    assert refused == {"error": "status 403"}


def test_a_url_of_ciphertext_changes_nothing(client: Client, sides: dict[str, Side]) -> None:
    """npm's client reads a record that names a CDN as any other, and so does ours if no CDN answers."""
    peer = sides[OTHER[client.name]].shared
    records = [ImageRecord({**peer.save(image), "ciphertextUrl": "http://127.0.0.1:9/x"}) for image in IMAGES.values()]
    assert client.read_by_default(peer, records) == [*map(shown, IMAGES)]


def test_an_old_record_brings_the_new_version(client: Client, sides: dict[str, Side]) -> None:
    """A record from before an update reads the new version, and the fresh record reads it from the cache."""
    peer = sides[OTHER[client.name]].shared
    old = peer.save(IMAGES["png"])
    fresh = peer.update(old.id, IMAGES["webp"])
    assert client.read_by_default(peer, [old, fresh]) == [shown("webp")] * 2


def records_answer(peer: Peer, record: ImageRecord, headers: dict[str, str]) -> tuple[int, bytes]:
    """Ask the application for a fresh record, as a page does."""
    status, _, body = request(peer.app, "GET", f"/records?id={record.id}", headers=headers)
    return status, body


@pytest.mark.parametrize("client", ["npm-node", "npm-chromium"], indirect=True)
def test_npm_reads_plain_records_beside_sealed_ones(client: Client, sides: dict[str, Side]) -> None:
    """A request without the header gets a plain record, although others are sealed. It also brings the update."""
    peer, page = sides["ours"].shared, SealedPage()
    saved = peer.save(IMAGES["png"])
    sealed, plain = (
        ImageRecord.parse(json.loads(records_answer(peer, saved, headers)[1])[saved.id])
        for headers in (page.headers, {})
    )
    assert page.open(sealed).key == plain.key
    read, refused = client.read_by_default(peer, [plain, sealed])
    assert read == shown("png")
    assert list(refused) == ["error"]
    peer.update(saved.id, IMAGES["webp"])
    assert client.read_by_default(peer, [plain]) == [shown("webp")]


def test_npm_gets_no_record_if_all_records_are_sealed(sides: dict[str, Side]) -> None:
    """With records="sealed" the request of a page with npm's client is 400 with the reason."""
    peer = sides["ours"].lasting(Setup(records="sealed"))
    status, body = records_answer(peer, peer.save(IMAGES["png"]), {})
    assert status == 400
    assert b"hands out only sealed records" in body


def test_refusals_are_told_apart(client: Client, sides: dict[str, Side]) -> None:
    """A foreign proof and a deleted image reject with the name of the state."""
    peer = sides[OTHER[client.name]].shared
    records = [peer.save(IMAGES["png"]) for _ in range(2)]
    forged = ImageRecord({**records[0], "statelessProof": records[1].stateless_proof})
    peer.call("delete", id=records[1].id)
    answers = client.read_by_default(peer, [forged, records[1]])
    assert "InvalidProof" in answers[0]["error"]
    assert "NotFound" in answers[1]["error"]


@pytest.mark.parametrize("name", ["npm", "ours"])
def test_padding_changes_no_pixel(name: str, tabs: Tabs, sides: dict[str, Side]) -> None:
    """In Chromium either front end, npm's unmodified, shows every frame of a padded image as without its padding."""
    peer = sides["ours"].shared
    url = urlsplit(peer.endpoint)
    config: dict[str, Any] = {
        "defaultEndpointConnectHost": url.hostname,
        "defaultEndpointConnectPort": url.port,
        "defaultEndpointRoute": url.path,
    }
    if name == "npm":  # npm's own list has neither GIF nor AVIF
        config["imageFormats"] = list(FORMAT_BYTES)
    kinds = [kind.split()[-1] for kind in ALL_KINDS]
    padded = [image + padding(kind, 1 + len(image)) for kind, image in zip(kinds, ALL_KINDS.values(), strict=True)]
    bare, behind = (
        tabs.run("readFrames", peer.app, client=name, config=config, records=[peer.save(image) for image in images])
        for images in (ALL_KINDS.values(), padded)
    )
    assert behind == bare
    assert [image["type"] for image in bare] == [f"image/{kind}" for kind in kinds]
    assert [len(image["frames"]) for image in bare] == [3 if "animated" in kind else 1 for kind in ALL_KINDS]


@pytest.mark.parametrize("client", ["npm-node", "npm-chromium"], indirect=True)
def test_npm_reads_a_variant(client: Client, sides: dict[str, Side]) -> None:
    """A variant's record, with its `~` in the id, is to npm's front end a record as any other."""
    peer = sides["ours"].lasting(Setup(thumb_width=24))
    thumb = peer.record(peer.save(IMAGES["jpeg"]).id).variants["thumb"]
    _, image = unseal(
        key=thumb.key,
        iv=thumb.iv,
        tag=thumb.tag,
        ciphertext=decode_payload(peer.get(thumb)[2]).ciphertext,
    )
    answers = client.read_by_default(peer, [thumb, thumb])
    assert answers == [{"type": "image/jpeg", "sha256": hashlib.sha256(image).hexdigest()}] * 2
    assert image != IMAGES["jpeg"]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("client", ["npm-node", pytest.param("npm-chromium", marks=pytest.mark.soak)], indirect=True)
def test_npm_reads_whatever_store_ours_has(
    client: Client, store: str, sides: dict[str, Side], s3: S3Server, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """From PostgreSQL, a bucket or both npm's front end reads every format, new versions and refusals."""
    place = new_place(store, tmp_path, request)
    with sides["ours"].start(Setup(database=place.database, blobs=place.blobs)) as peer:
        records = [peer.save(image, directory="players") for image in IMAGES.values()]
        if store == "sqlite+files":
            assert len([*(tmp_path / "bodies").glob("??/*")]) == 1
        assert client.read_by_default(peer, [*records, records[0]]) == [*map(shown, IMAGES), shown("png")]
        fresh = peer.update(records[0].id, IMAGES["large png"])
        peer.call("delete", id=records[1].id)
        *updated, deleted = client.read_by_default(peer, [records[0], fresh, records[1]])
    assert updated == [shown("large png")] * 2
    assert "NotFound" in deleted["error"]


@pytest.mark.parametrize("name", ["npm", "ours"])
def test_a_proof_is_bound_to_a_cookie(name: str, tabs: Tabs, sides: dict[str, Side]) -> None:
    """On the same origin a front end sends its cookies, npm's unmodified too: a visitor's proof serves that visitor."""
    peer = sides["ours"].lasting(Setup(by_cookie=True))
    saved = peer.save(IMAGES["png"])
    record = ImageRecord.parse(peer.call("record", id=saved.id, audience="ada"))
    url = urlsplit(peer.endpoint)
    config = {
        "defaultEndpointConnectHost": url.hostname,
        "defaultEndpointConnectPort": url.port,
        "defaultEndpointRoute": url.path,
    }

    def read_as(visitor: str) -> dict[str, str]:
        script = f"document.cookie = 'visitor={visitor}'"
        (answer,) = tabs.run("readAll", peer.app, client=name, config=config, records=[record], script=script)
        return dict(answer)

    assert read_as("ada") == shown("png")
    assert "InvalidProof" in read_as("bob")["error"]


def test_the_installed_package_is_the_published_one() -> None:
    """The peer is npm's pixstore in the version that the documentation names."""
    package = json.loads((NODE_FOLDER / "node_modules" / "pixstore" / "package.json").read_text())
    assert package["version"] == "3.2.1"
