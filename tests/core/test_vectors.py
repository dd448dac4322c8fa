"""The vectors of tests/vectors, which the JavaScript tests read too."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import derive_private_key

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, WireError, decode_payload
from pixstore_asgi.core.cipher import Sealer, unseal, unwrap_key
from pixstore_asgi.core.formats import MEDIA_TYPES
from pixstore_asgi.core.images import ImageMeta
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.core.proof import ProofKeys, ProofTerms, ProofWindows
from pixstore_asgi.core.recipient import CURVE, KeySealer, Recipient, unseal_key
from pixstore_asgi.core.wire import encode_state, encode_updated_head
from pixstore_asgi.errors import IntegrityError, ProofError, RecipientError, RecordError
from pixstore_asgi.store.memory import MemoryStore
from tests.support.clock import FixedClock
from tests.support.sealed import ReferencePage, SealedToAnother
from tests.support.vectors import VECTORS, Vector, vectors


def from_hex(vector: Vector, *names: str) -> dict[str, bytes]:
    return {name: bytes.fromhex(vector[name]) for name in names}


def test_the_generator_writes_the_committed_vectors(npm_packages: Path) -> None:
    """The generator writes exactly the committed vectors."""
    check = [sys.executable, str(VECTORS / "generate.py"), "--check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("vector", vectors("wire.json", "vectors", failing=False))
def test_wire_vectors_decode_and_encode(vector: Vector) -> None:
    """A payload decodes to its parts, and the parts encode to the same payload."""
    body, wanted = bytes.fromhex(vector["body"]), vector["result"]
    payload = decode_payload(body)
    assert payload.state == wanted["state"]
    assert payload.token == wanted.get("token")
    assert payload.ciphertext.hex() == wanted.get("ciphertext", "")
    for name in ("key", "iv", "tag"):
        assert (getattr(payload, name) or b"").hex() == wanted.get(name, "")
    if payload.token and payload.key and payload.iv and payload.tag:
        head = encode_updated_head(payload.token, payload.key, payload.iv, payload.tag)
    else:
        head = encode_state(payload.state)
    assert head + payload.ciphertext == body


@pytest.mark.parametrize("vector", vectors("wire.json", "vectors", failing=True))
def test_wire_vectors_refuse(vector: Vector) -> None:
    """Bytes that are not a payload raise WireError with the reason in the vector."""
    with pytest.raises(WireError) as caught:
        decode_payload(bytes.fromhex(vector["body"]))
    assert caught.value.reason == vector["failure"]


def ring_of(vector: Vector) -> KeyRing:
    return KeyRing(vector["secrets"]).bound_to(bytes.fromhex(vector["database"]))


def proof_arguments(vector: Vector) -> tuple[ProofKeys, ProofTerms, dict[str, Any]]:
    windows = ProofWindows(vector["window_ms"], vector["leeway_ms"])
    terms = ProofTerms(vector["audience"].encode())
    return ProofKeys(ring_of(vector), windows), terms, {name: vector[name] for name in ("image_id", "token", "now_ms")}


@pytest.mark.parametrize("vector", vectors("proof.json", "vectors", failing=False))
def test_proof_vectors_verify(vector: Vector) -> None:
    """A valid proof verifies, returns its window, and equals the issued one."""
    keys, terms, arguments = proof_arguments(vector)
    window, epoch, is_sealed = keys.verify(terms, vector["proof"], **arguments)
    windows = ProofWindows(vector["window_ms"], vector["leeway_ms"])
    issued_ms = window * windows.length_ms
    assert (window, epoch, is_sealed) == (vector["result"]["window"], vector["epoch"], vector["result"]["sealed"])
    assert windows.expires_at_ms(issued_ms) == vector["result"]["expires_at_ms"]
    if vector["name"] != "old-secret":
        issued = keys.issue(terms, **{**arguments, "now_ms": issued_ms, "epoch": epoch, "is_sealed": is_sealed})
        assert issued == vector["proof"]


@pytest.mark.parametrize("vector", vectors("proof.json", "vectors", failing=True))
def test_proof_vectors_refuse(vector: Vector) -> None:
    """A proof that breaks one rule is refused with the reason of that rule."""
    keys, terms, arguments = proof_arguments(vector)
    if vector["failure"] == "epoch":  # it is the image's that it is compared with, once that was read
        _, epoch, _ = keys.verify(terms, vector["proof"], **arguments)
        assert epoch != vector["epoch"]
        return
    with pytest.raises(ProofError) as caught:
        keys.verify(terms, vector["proof"], **arguments)
    assert caught.value.reason == vector["failure"]


@pytest.mark.parametrize("piece_bytes", [1, 7, 1000], ids=lambda n: f"by-{n}")
@pytest.mark.parametrize("vector", vectors("cipher.json", "sealed", failing=False))
def test_sealed_vectors_open_and_seal(vector: Vector, piece_bytes: int) -> None:
    """An image opens, and sealing it whole, in pieces or byte by byte gives the same ciphertext and tag."""
    parts, wanted = from_hex(vector, "key", "iv", "tag", "ciphertext"), vector["result"]
    name, image = unseal(**parts)
    assert (name, MEDIA_TYPES[name], image.hex()) == (wanted["format"], wanted["mime"], wanted["image"])
    sealer = Sealer(key=parts["key"], iv=parts["iv"], format_byte=list(MEDIA_TYPES).index(name) + 1)
    pieces = [image[start : start + piece_bytes] for start in range(0, len(image), piece_bytes)]
    assert b"".join(bytes(sealer.update(piece)) for piece in pieces) == parts["ciphertext"]
    sealer.finish()
    assert (sealer.tag, sealer.size) == (parts["tag"], len(parts["ciphertext"]))


@pytest.mark.parametrize("vector", vectors("cipher.json", "sealed", failing=True))
def test_sealed_vectors_refuse(vector: Vector) -> None:
    """A changed ciphertext, or one that is not an image, does not open."""
    with pytest.raises(IntegrityError) as caught:
        unseal(**from_hex(vector, "key", "iv", "tag", "ciphertext"))
    assert caught.value.reason == vector["failure"]


@pytest.mark.parametrize("vector", vectors("cipher.json", "wraps"))
def test_wrap_vectors(vector: Vector) -> None:
    """A wrapped key unwraps for the row it was wrapped for and for no other."""
    values = {
        **vector,
        **from_hex(vector, "version", "iv", "tag"),
        "sha256": vector["sha256"] and bytes.fromhex(vector["sha256"]),
        "wrapped_key": bytes.fromhex(vector["wrapped"]),
    }
    meta = ImageMeta(**{field.name: values[field.name] for field in fields(ImageMeta)})
    ring = ring_of(vector)
    if "result" in vector:
        assert unwrap_key(ring, vector["image_id"], meta).hex() == vector["result"]["key"]
        return
    with pytest.raises(IntegrityError) as caught:
        unwrap_key(ring, vector["image_id"], meta)
    assert caught.value.reason == vector["failure"]


@pytest.mark.parametrize("vector", vectors("record.json", "records", failing=False))
def test_record_vectors_parse(vector: Vector) -> None:
    """A record parses to the same four fields."""
    record = ImageRecord.parse(vector["record"])
    assert (record.id, record.token) == (vector["result"]["id"], vector["result"]["token"])
    assert {
        name: vector["record"][name] for name in ("id", "token", "meta", "statelessProof")
    }.items() <= record.items()


@pytest.mark.parametrize("vector", vectors("record.json", "records", failing=True))
def test_record_vectors_refuse(vector: Vector) -> None:
    """A value that is not a record raises RecordError, which names the wrong part."""
    with pytest.raises(RecordError) as caught:
        ImageRecord.parse(vector["record"])
    assert caught.value.reason == vector["failure"]


def opened_by(vector: Vector) -> bytes:
    """Return the image key that the package itself opens, which it does for tests of applications."""
    record, private_key = ImageRecord.parse(vector["record"]), derive_private_key(int(vector["page"]["d"], 16), CURVE)
    fields: dict[str, Any] = {"image_id": record.id, "token": record.token, "iv": record.iv, "tag": record.tag}
    return unseal_key(record.sealed or b"", private_key, **fields, proof=record.stateless_proof)


@pytest.mark.parametrize("vector", vectors("sealed.json", "records", failing=False))
def test_sealed_key_vectors_open_and_seal(vector: Vector) -> None:
    """A sealed record opens in its page, and sealing its key with the same pair and nonce gives the same record."""
    record, page = ImageRecord.parse(vector["record"]), ReferencePage.of(vector["page"]["d"])
    key = page.open(record)
    assert (key.hex(), page.point.hex()) == (vector["result"]["key"], vector["page"]["point"])
    ephemeral = derive_private_key(int(vector["ephemeral"], 16), CURVE)
    sealer = KeySealer(Recipient.parse(page.text), ephemeral, lambda length: bytes.fromhex(vector["nonce"]))
    fields: dict[str, Any] = {"image_id": record.id, "token": record.token, "iv": record.iv, "tag": record.tag}
    assert sealer.seal(key, **fields, proof=record.stateless_proof) == record.sealed
    assert opened_by(vector) == key


@pytest.mark.parametrize("vector", vectors("sealed.json", "records", failing=True))
def test_sealed_key_vectors_refuse(vector: Vector) -> None:
    """A record that is sealed to another page, changed or malformed does not open."""
    with pytest.raises((RecordError, SealedToAnother)) as caught:
        ReferencePage.of(vector["page"]["d"]).open(vector["record"])
    assert getattr(caught.value, "reason", "sealed") == vector["failure"]
    with pytest.raises(RecordError) as caught_by_the_package:
        opened_by(vector)
    assert caught_by_the_package.value.reason == vector["failure"]


@pytest.mark.parametrize("vector", vectors("sealed.json", "recipients", failing=False))
def test_recipient_vectors_parse(vector: Vector) -> None:
    """A recipient is the point in its text."""
    assert Recipient.parse(vector["text"]).point.hex() == vector["result"]["point"]


@pytest.mark.parametrize("vector", vectors("sealed.json", "recipients", failing=True))
def test_recipient_vectors_refuse(vector: Vector) -> None:
    """A text that is not an uncompressed point of P-256 in its one spelling is refused with its reason."""
    with pytest.raises(RecipientError) as caught:
        Recipient.parse(vector["text"])
    assert caught.value.reason == vector["failure"]


@pytest.mark.parametrize(
    "vector", [v for v in vectors("record.json", "requests") if "state" in v.values[0] or "record" in v.values[0]]
)
async def test_request_vectors(vector: Vector) -> None:
    """A server with an empty store answers each raw request with the vector's status and state."""
    server = json.loads((VECTORS / "record.json").read_text())["server"]
    store = MemoryStore()
    await store.separate(bytes.fromhex(server["database"]), b"check", lambda image: image.meta.wrapped_key)
    clock = FixedClock(server["now_ms"])
    pix = Pixstore(store, secret=server["secrets"], proof_window_ms=server["window_ms"], clock_ms=clock)
    headers = vector["headers"].items() if isinstance(vector["headers"], dict) else vector["headers"]
    path, _, query = vector["path"].partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "root_path": "/pixstore-image",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await PixstoreApp(pix)(scope, receive, send)
    start, body = sent
    state = dict(start["headers"])[b"x-pixstore-state"].decode()
    assert (start["status"], state) == (vector.get("status", 200), vector.get("state", "NotFound"))
    assert len(body["body"]) == 1
