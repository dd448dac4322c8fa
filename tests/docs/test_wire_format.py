"""wire-format.md: its tables are the code's, and a server and client written after it alone agree with ours."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, WireState
from pixstore_asgi.core.formats import FORMAT_BYTES, MEDIA_TYPES
from pixstore_asgi.core.images import Unwrapped
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.core.proof import ProofKeys, ProofTerms, ProofWindows
from pixstore_asgi.core.recipient import KeySealer, Recipient
from pixstore_asgi.core.requests import MAX_BODY_BYTES, MAX_IMAGES
from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT
from tests.support.samples import SECRET, picture

PAGE = (DOCS / "wire-format.md").read_text()


def client(app: PixstoreApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver")


def headers(record: ImageRecord, **other: str) -> dict[str, str]:
    return {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token), **other}


def offsets(head: str) -> list[tuple[int, int]]:
    """Return offset and length of a layout's fields, the last one's at least."""
    cells = [(int(offset), int(re.sub(r"\D", "", length))) for offset, length, *_ in rows(PAGE, head)]
    for (offset, length), (following, _) in pairwise(cells):
        assert offset + length == following
    return cells


async def test_a_payload_has_the_listed_headers_and_no_other(pix: Pixstore) -> None:
    """Every header of a payload is in the page's tables with its value, for GET and HEAD."""
    record = await pix.save_image(picture())
    section = PAGE.split("\n## Response\n")[1].split("\n## ")[0]
    table = {name.strip("`"): value for name, value in rows(section, "| header | value |")}
    wanted = {name: value.strip("`") for name, value in table.items() if value.startswith("`")}
    assert {*table} - {*wanted} == {"content-length", "x-pixstore-state"}
    async with client(PixstoreApp(pix, allow_origins=None)) as http:
        for method in ("GET", "HEAD"):
            sent = dict((await http.request(method, f"/{record.id}", headers=headers(record))).headers)
            assert sent.pop("content-length") == str(1 + 1 + len(picture()))
            assert sent.pop("x-pixstore-state") == "Success"
            assert sent == wanted


async def test_cross_origin_headers_are_the_listed_ones(pix: Pixstore) -> None:
    """A page of another origin gets the headers on the page, for each kind of allow_origins and for OPTIONS."""
    section = PAGE.split("Cross-origin headers")[1].split("\n## ")[0]
    everyone, several, none = re.findall(r"^\| (?:`\(.*|a list|`None`).*\| (.*) \|$", section, re.MULTILINE)
    preflight = section.split("OPTIONS adds")[1]
    origin = "https://a.example"
    for allowed, described in ((("*",), everyone), ([origin], several), (None, none)):
        async with client(PixstoreApp(pix, allow_origins=allowed)) as http:
            sent = (await http.get("/x", headers={"origin": origin})).headers
            wanted = dict(re.findall(r"`([\w-]+): ([^`]+)`", described))
            shown = {n: v for n, v in sent.items() if n.startswith("access-control-") or n == "vary"}
            assert shown.pop("access-control-allow-origin", None) == (
                allowed and wanted.pop("access-control-allow-origin", origin)
            )
            assert shown == wanted
            added = dict((await http.options("/x", headers={"origin": origin})).headers)
            wanted = dict(re.findall(r"`([\w-]+): ([^`]+)`", preflight.replace("\n", " ")))
            assert len(wanted) == 3
            assert {n: v for n, v in added.items() if n in wanted} == (wanted if allowed else {})


async def test_the_checks_come_in_the_listed_order(pix: Pixstore) -> None:
    """A request that fails at one step and at all that follow gets the answer of that step, down to Success."""
    record = await pix.save_image(picture())
    gone = await pix.save_image(picture())
    await pix.delete_image(gone.id)
    refusing = client(PixstoreApp(pix, authorize=lambda *_: False))
    async with client(PixstoreApp(pix)) as http, refusing:
        bad = {"x-pixstore-proof": "bad"}
        old = headers(record)
        updated = await pix.update_image(record.id, picture("webp"))
        answers = [
            (await http.post("/"), 405, b""),
            (await http.options("/"), 204, b""),
            (await http.get("/-/nothing", headers=bad), 404, b""),
            (await http.get("/-/client/index.js", headers={"accept-encoding": "*;q=0"}), 406, b""),
            (await http.get("/"), 400, b"\x03"),
            (await http.get("/a:b:c"), 200, b"\x04"),
            (await http.get("/a:b:c", headers=bad), 200, b"\x05"),
            (await refusing.get(f"/{gone.id}", headers=bad), 200, b"\x05"),
            (await refusing.get(f"/{gone.id}", headers=headers(gone)), 403, b""),
            (await http.get(f"/{gone.id}", headers=headers(gone)), 200, b"\x02"),
        ]
        for response, status, body in answers:
            assert (response.status_code, response.content) == (status, body)
        assert (await http.get(f"/{record.id}", headers=old)).content[0] == WireState.UPDATED
        assert (await http.get(f"/{record.id}", headers=headers(updated))).content[0] == WireState.SUCCESS
    statuses = {int(status) for status, *_ in rows(PAGE, "| status | when |")}
    assert statuses == {response.status_code for response, *_ in answers}


def test_states_and_formats_are_the_codes() -> None:
    """The page's state bytes and format bytes are those of the code."""
    states = {int(byte): name.strip("`") for byte, name, _ in rows(PAGE, "| byte | state |")}
    assert states == {int(state): state.label for state in WireState}
    formats = re.search(r"Format bytes: ([^.]*)\.", PAGE)
    assert formats
    assert {name: int(byte) for name, byte in re.findall(r"(\w+) (\d)", formats[1])} == FORMAT_BYTES


async def test_a_client_of_this_page_reads_an_updated_image(pix: Pixstore) -> None:
    """By the page's offsets alone, an Updated payload gives token, key, iv, tag and the image."""
    record = await pix.save_image(picture())
    fresh = await pix.update_image(record.id, picture("webp"))
    async with client(PixstoreApp(pix)) as http:
        body = (await http.get(f"/{record.id}", headers=headers(record))).content
    state, token, key, iv, tag, (start, _) = fields(body, "| offset | length | of `Updated` |")
    assert state == b"\x01"
    assert int.from_bytes(token, "little") == fresh.token
    plaintext = AESGCM(key).decrypt(iv, body[start:] + tag, None)
    assert plaintext == bytes([FORMAT_BYTES["webp"]]) + picture("webp")


def fields(body: bytes, head: str) -> Iterator[Any]:
    *parts, last = offsets(head)
    yield from (body[start : start + length] for start, length in parts)
    yield last


@pytest.mark.parametrize("token", [0, 1795559342725])
def test_a_server_of_this_page_makes_the_same_proof(token: int) -> None:
    """HKDF and HMAC as the page has them, from the standard library alone, give this package's proof."""
    now_ms, image_id, database = 1_795_559_350_000, "players:a_b-c", bytes(range(16))
    window = (now_ms // 20_000).to_bytes(6, "big")

    def expand(purpose: bytes, length: int) -> bytes:
        prk = hmac.digest(b"pixstore_asgi/1", SECRET.encode(), "sha256")
        return hmac.digest(prk, b"pixstore_asgi/1 " + purpose + database + b"\x01", hashlib.sha256)[:length]

    head = b"\x01" + expand(b"key id", 4) + window + bytes(4)
    name = image_id.encode()
    message = (
        head + token.to_bytes(8, "big") + (20_000).to_bytes(8, "big") + len(name).to_bytes(2, "big") + name + bytes(2)
    )
    proof = base64.b64encode(head + hmac.digest(expand(b"proof" + window, 32), message, hashlib.sha256)[:21]).decode()
    ring = KeyRing(SECRET).bound_to(database)
    assert proof == ProofKeys(ring, ProofWindows()).issue(ProofTerms(), image_id=image_id, token=token, now_ms=now_ms)
    *_, (start, length) = offsets("| offset | length | |")
    assert (start + length, len(head), len(proof)) == (36, start, 48)


def test_a_page_of_this_page_opens_a_sealed_record() -> None:
    """The offsets of a sealed key, the derivation and the additional data, as the page has them, open a record."""
    section = PAGE.split("\n## Sealed key\n")[1].split("\n## ")[0]
    layout = offsets("| offset | length | of a sealed key |")
    assert [length for _, length in layout] == [65, 12, 32, 16]
    pair, ephemeral = (generate_private_key(SECP256R1()) for _ in range(2))
    point = pair.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    header = base64.urlsafe_b64encode(point).decode().rstrip("=")
    assert (len(header), "87 characters" in section) == (87, True)
    record = ImageRecord.create(
        id="players:a",
        token=7,
        unwrapped=Unwrapped(bytes(range(32))),
        iv=bytes(12),
        tag=bytes(16),
        proof="proof",
        proof_expires_at=None,
        sealer=KeySealer(Recipient.parse(header), ephemeral, bytes),
    )
    sealed = base64.b64decode(record["meta"]["sealed"])
    parts = [sealed[start : start + length] for start, length in layout]
    shared = pair.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(SECP256R1(), parts[0]))
    (purpose,) = re.findall('info "(.+?)"', section)
    prk = hmac.digest(bytes(32), shared, "sha256")
    wrapping = hmac.digest(prk, purpose.encode() + parts[0] + point + b"\x01", hashlib.sha256)
    values = [purpose.encode(), b"players:a", b"7", bytes(12), bytes(16), b"proof"]
    assert len(re.findall(r"^\d\. ", section, re.MULTILINE)) == len(values)
    data = b"".join(len(value).to_bytes(2, "big") + value for value in values)
    assert AESGCM(wrapping).decrypt(parts[1], parts[2] + parts[3], data) == bytes(range(32))


def test_the_listed_vectors_are_there() -> None:
    """The page's table of vector files is the folder."""
    files = {name.strip("`") for name, _ in rows(PAGE, "| file | holds |")}
    assert files == {path.name for path in (ROOT / "tests" / "vectors").glob("*.json")}


def test_the_refused_payloads_and_proofs_are_those_of_the_vectors() -> None:
    """The page lists each kind of refusal that the vectors have, of payloads, proofs and recipients."""
    kinds = {kind.strip("`") for kind, _ in rows(PAGE, "| kind | payload |")}
    assert kinds == _failures("wire")
    checks = PAGE.split("The checks in order, with the kinds of the vectors:\n")[1]
    assert {*re.findall(r"`([\w-]+)`", checks)} == _failures("proof")
    kinds = {kind.strip("`") for kind, _ in rows(PAGE, "| kind | header |")}
    assert kinds == _failures("sealed", "recipients")


def _failures(name: str, key: str = "vectors") -> set[str]:
    vectors = json.loads((ROOT / f"tests/vectors/{name}.json").read_text())[key]
    return {vector["failure"] for vector in vectors if "failure" in vector}


async def test_a_batch_is_as_the_page_says(pix: Pixstore) -> None:
    """Method, limits, headers and frames of a batch, written after the page alone."""
    section = PAGE.split("\n## Batch\n")[1].split("\n## ")[0]
    layout = offsets("| offset | length | of a frame |")
    assert [field for field, _ in layout] == [0, 1, 3, 7]
    records = [await pix.save_image(picture(kind)) for kind in ("png", "webp")]
    entries = [{"id": r.id, "token": r.token, "proof": r.stateless_proof} for r in records] + [{"id": "nobody"}]
    assert f"1 to {MAX_IMAGES} entries" in section
    assert f"at most {MAX_BODY_BYTES // 1024} KiB" in section
    async with client(PixstoreApp(pix)) as http:
        answer = await http.post("/-/batch", content=json.dumps({"images": entries}))
        refused = await http.get("/-/batch")
        single = [await http.get(f"/{r.id}", headers=headers(r)) for r in records]
        single.append(await http.get("/nobody"))
    assert f"405 with `allow: {refused.headers['allow']}`" in section
    assert {*single[0].headers} - {*answer.headers} == {"content-length", "x-pixstore-state"}
    rest = answer.content
    for index, alone in enumerate(single):
        status, length = int.from_bytes(rest[1:3], "little"), int.from_bytes(rest[3:7], "little")
        assert (rest[0], status, rest[7 : 7 + length]) == (index, alone.status_code, alone.content)
        rest = rest[7 + length :]
    assert rest == b""


def test_the_browser_client_has_the_same_numbers() -> None:
    """Both sides have the same values that neither can import: the images of a batch, format bytes with their types."""
    source = ROOT / "js_client" / "src"
    (limit,) = re.findall(r"BATCH_LIMIT = (\d+);", (source / "coalesce.js").read_text())
    (subtypes,) = re.findall(r"SUBTYPES = \[undefined, (.+)\];", (source / "format" / "formats.js").read_text())
    assert int(limit) == MAX_IMAGES
    assert {byte: f"image/{subtype}" for byte, subtype in enumerate(json.loads(f"[{subtypes}]"), 1)} == {
        byte: MEDIA_TYPES[name] for name, byte in FORMAT_BYTES.items()
    }
