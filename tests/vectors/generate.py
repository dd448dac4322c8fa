"""Writes the test vectors: one scenario each, named, with the rule it shows and its result or kind of failure.

    python tests/vectors/generate.py            write them
    python tests/vectors/generate.py --check    fail where a file is not what this generator writes

Deterministic: keys, nonces and times are fixed. It builds every byte from the RFCs' primitives and imports nothing of
the package. The vectors of npm's encoder need Node and the packages of tests/js.
"""

import argparse
import base64
import hashlib
import hmac
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = Path(__file__).parent
Vector = dict[str, Any]

OLD_SECRET = "vector-secret-old-0123456789abcdefghijklmnopqrs"
NEW_SECRET = "vector-secret-new-0123456789abcdefghijklmnopqrs"
OTHER_SECRET = "vector-secret-other-0123456789abcdefghijklmnopq"
DOMAIN = b"pixstore_asgi/1"

IMAGE_ID = "players:kth1m9c4n8l2a7vz"
TOKEN = 1_795_559_342_725
NOW_MS = 1_795_559_350_000
WINDOW_MS = 20_000
LEEWAY_MS = 5_000
WINDOW = NOW_MS // WINDOW_MS
MAX_TOKEN = 2**53 - 1


def fixed(name: str, length: int) -> bytes:
    """Return bytes that look random and are always the same."""
    return hashlib.shake_256(name.encode()).digest(length)


KEY, IV, VERSION = fixed("key", 32), fixed("iv", 12), fixed("version", 16)
DATABASE, OTHER_DATABASE = b"\x01" + fixed("database", 15), b"\x01" + fixed("other database", 15)
OLD_DATABASE = b"\0" + fixed("old database", 15)
IMAGE = fixed("image", 100)


def prk(secret: str) -> bytes:
    return hmac.digest(DOMAIN, secret.encode(), "sha256")


def expand(secret: str, purpose: bytes, length: int, database: bytes = DATABASE) -> bytes:
    info, block, output = DOMAIN + b" " + purpose + database, b"", b""
    while len(output) < length:
        block = hmac.digest(prk(secret), block + info + bytes((len(output) // 32 + 1,)), "sha256")
        output += block
    return output[:length]


# Wire payloads


def updated(token: int, ciphertext: bytes) -> bytes:
    tag = fixed("tag", 16)
    return b"\x01" + struct.pack("<Q", token) + KEY + IV + tag + ciphertext


def updated_result(token: int, ciphertext: bytes) -> Vector:
    values = {"key": KEY, "iv": IV, "tag": fixed("tag", 16), "ciphertext": ciphertext}
    return {"state": 1, "token": token, **{name: value.hex() for name, value in values.items()}}


def wire_vectors() -> list[Vector]:
    names = ("NotFound", "MissingID", "MissingProof", "InvalidProof", "InternalError")
    refusals = {name: state for state, name in enumerate(names, start=2)}
    passing = [
        ("success", "Success is a state byte and ciphertext", b"\0" + IMAGE, {"state": 0, "ciphertext": IMAGE.hex()}),
        ("success-shortest", "one byte of ciphertext decodes", b"\0\x07", {"state": 0, "ciphertext": "07"}),
        ("updated", "Updated carries token, key, iv and tag", updated(TOKEN, IMAGE), updated_result(TOKEN, IMAGE)),
        ("updated-token-1", "the smallest token is 1", updated(1, b"\x09"), updated_result(1, b"\x09")),
        ("updated-token-max", "the largest is 2**53-1", updated(MAX_TOKEN, b"x"), updated_result(MAX_TOKEN, b"x")),
        *((f"refusal-{name}", "a refusal is one byte", bytes((s,)), {"state": s}) for name, s in refusals.items()),
    ]
    failing = [
        ("empty", "a payload has its state byte", b"", "empty"),
        ("state-7", "the states end at 6", b"\x07", "unknown-state"),
        ("state-255", "the states end at 6", b"\xff" + IMAGE, "unknown-state"),
        ("updated-3-bytes", "Updated has 69 bytes before its image", b"\x01\0\0", "truncated"),
        ("updated-40-bytes", "Updated has 69 bytes before its image", updated(TOKEN, b"")[:40], "truncated"),
        ("updated-68-bytes", "Updated has 69 bytes before its image", updated(TOKEN, b"")[:68], "truncated"),
        ("updated-without-image", "Updated has ciphertext", updated(TOKEN, b""), "no-ciphertext"),
        ("success-without-image", "Success has ciphertext", b"\0", "no-ciphertext"),
        ("updated-token-0", "the smallest token is 1", updated(0, IMAGE), "token-range"),
        ("updated-token-2-53", "the largest token is 2**53-1", updated(2**53, IMAGE), "token-range"),
        ("updated-token-2-64", "the largest token is 2**53-1", updated(2**64 - 1, IMAGE), "token-range"),
        *((f"long-{n}", "a refusal is one byte", bytes((s, 0)), "trailing-bytes") for n, s in refusals.items()),
    ]
    return [
        *({"name": name, "rule": rule, "body": body.hex(), "result": result} for name, rule, body, result in passing),
        *({"name": name, "rule": rule, "body": body.hex(), "failure": kind} for name, rule, body, kind in failing),
        *npm_wire_vectors(),
    ]


def npm_wire_vectors() -> list[Vector]:
    """Return every state as the encoder of npm's pixstore writes it."""
    script = HERE.parent / "js" / "npm-wire.mjs"
    result = subprocess.run(["node", script], capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"npm's encoder can't run; install its package with `npm ci` in tests/js\n{result.stderr}")
    vectors: list[Vector] = json.loads(result.stdout)
    return vectors


# Proofs


def proof_bytes(
    *,
    secret: str = NEW_SECRET,
    version: int = 1,
    window: int = WINDOW,
    signed_window: int | None = None,
    epoch: int = 0,
    window_ms: int = WINDOW_MS,
    image_id: str = IMAGE_ID,
    token: int = TOKEN,
    audience: str = "",
    database: bytes = DATABASE,
    named: bytes = DATABASE,
) -> bytes:
    key_id = expand(secret, b"key id", 4, named)
    head = struct.pack(">B4s", version, key_id) + window.to_bytes(6, "big") + struct.pack(">I", epoch)
    name, heard = image_id.encode(), audience.encode()
    parts = struct.pack(">QQH", token, window_ms, len(name)) + name + struct.pack(">H", len(heard)) + heard
    signed_by = window if signed_window is None else signed_window
    key = expand(secret, b"proof" + signed_by.to_bytes(6, "big"), 32, database)
    return head + hmac.digest(key, head + parts, "sha256")[:21]


def proof_text(**parts: Any) -> str:
    return base64.b64encode(proof_bytes(**parts)).decode()


def proof_vector(name: str, rule: str, proof: str, outcome: Vector, **changes: Any) -> Vector:
    terms = {
        "secrets": [OLD_SECRET, NEW_SECRET],
        "database": DATABASE.hex(),
        "window_ms": WINDOW_MS,
        "leeway_ms": LEEWAY_MS,
        "image_id": IMAGE_ID,
        "token": TOKEN,
        "now_ms": NOW_MS,
        "epoch": 0,
        "audience": "",
    }
    return {"name": name, "rule": rule, **terms, **changes, "proof": proof, **outcome}


def proof_vectors() -> list[Vector]:
    def accepted(
        name: str, rule: str, proof: str, *, window: int = WINDOW, sealed: bool = False, **changes: Any
    ) -> Vector:
        result = {"window": window, "expires_at_ms": (window + 2) * WINDOW_MS, "sealed": sealed}
        return proof_vector(name, rule, proof, {"result": result}, **changes)

    def refused(name: str, rule: str, proof: str, kind: str, **changes: Any) -> Vector:
        return proof_vector(name, rule, proof, {"failure": kind}, **changes)

    good = proof_text()
    flipped = bytearray(proof_bytes())
    flipped[-1] ^= 1
    raised, lowered = b"\x02" + proof_bytes()[1:], b"\x01" + proof_bytes(version=2)[1:]
    with_plus = next(p for p in (proof_text(token=TOKEN + n) for n in range(1000)) if "+" in p and "/" in p)
    window_start = WINDOW * WINDOW_MS
    of_other = proof_text(database=OTHER_DATABASE, named=OTHER_DATABASE)
    unbound, older = proof_text(database=b"", named=b""), {"database": OLD_DATABASE.hex()}
    return [
        accepted("current-window", "a proof of the current window is valid", good),
        accepted("last-moment", "valid to the end of the next window", good, now_ms=window_start + 2 * WINDOW_MS - 1),
        accepted("leeway", "another replica's clock may be 5 s ahead", good, now_ms=window_start - LEEWAY_MS),
        accepted("old-secret", "every secret of the ring verifies", proof_text(secret=OLD_SECRET)),
        accepted("unbound", "token 0 stands for an unbound token", proof_text(token=0), token=0),
        accepted("no-directory", "an id needs no directory", proof_text(image_id="a"), image_id="a"),
        accepted("audience", "the audience is bound", proof_text(audience="tenant-7"), audience="tenant-7"),
        accepted("epoch", "the epoch is bound", proof_text(epoch=9), epoch=9),
        accepted("largest-token", "tokens reach 2**53-1", proof_text(token=MAX_TOKEN), token=MAX_TOKEN),
        accepted("sealed", "version 2 is that of a sealed record", proof_text(version=2), sealed=True),
        refused("empty", "48 characters", "", "not-canonical"),
        refused("47-characters", "48 characters", good[:-1], "not-canonical"),
        refused("49-characters", "48 characters", good + "A", "not-canonical"),
        refused("padded", "no padding", good[:-1] + "=", "not-canonical"),
        refused("line-break", "no white space", good[:-1] + "\n", "not-canonical"),
        refused("url-alphabet", "standard base64", with_plus.replace("+", "-").replace("/", "_"), "not-canonical"),
        refused("not-ascii", "standard base64", "é" + good[1:], "not-canonical"),
        refused("version-0", "the version is 1 or 2", proof_text(version=0), "version"),
        refused("version-3", "the version is 1 or 2", proof_text(version=3), "version"),
        refused("version-raised", "the version is bound", base64.b64encode(raised).decode(), "mac"),
        refused("version-lowered", "the version is bound", base64.b64encode(lowered).decode(), "mac"),
        refused("other-secret", "the secret is in the ring", proof_text(secret=OTHER_SECRET), "unknown-key"),
        refused("other-database", "made for its database", of_other, "unknown-key"),
        refused("no-database", "what is bound to no database signs nothing", unbound, "unknown-key", **older),
        refused("expired", "valid for two windows", good, "expired", now_ms=window_start + 2 * WINDOW_MS),
        refused("long-expired", "valid for two windows", proof_text(window=0), "expired"),
        refused("early", "at most 5 s ahead", good, "not-yet-valid", now_ms=window_start - LEEWAY_MS - 1),
        refused("far-future", "at most 5 s ahead", proof_text(window=2**48 - 1), "not-yet-valid"),
        refused("other-epoch", "the epoch is the image's", proof_text(epoch=1), "epoch"),
        refused("flipped-bit", "the MAC is right", base64.b64encode(flipped).decode(), "mac"),
        refused("other-id", "bound to its id", proof_text(image_id="players:other"), "mac"),
        refused("other-token", "bound to its token", proof_text(token=TOKEN + 1), "mac"),
        refused("bound-used-unbound", "the verifier says what is bound", good, "mac", token=0),
        refused("unbound-used-bound", "the verifier says what is bound", proof_text(token=0), "mac"),
        refused("other-audience", "bound to its audience", proof_text(audience="tenant-8"), "mac"),
        refused("window-length", "bound to the length of its window", proof_text(window_ms=WINDOW_MS + 1), "mac"),
        refused("window-moved", "bound to its window", proof_text(signed_window=WINDOW - 9), "mac"),
        refused("database-renamed", "bound to its database", proof_text(database=OTHER_DATABASE), "mac"),
        refused("lengths", "id and audience trade no bytes", proof_text(image_id=IMAGE_ID + "x"), "mac", audience="x"),
    ]


# Sealed images and wrapped keys


def sealed(plaintext: bytes, *, aad: bytes | None = None) -> tuple[bytes, bytes]:
    both = AESGCM(KEY).encrypt(IV, plaintext, aad)
    return both[:-16], both[-16:]


def sealed_vectors() -> list[Vector]:
    def vector(name: str, rule: str, parts: tuple[bytes, bytes], outcome: Vector, **changes: str) -> Vector:
        ciphertext, tag = parts
        values = {"key": KEY.hex(), "iv": IV.hex(), "tag": tag.hex(), "ciphertext": ciphertext.hex()}
        return {"name": name, "rule": rule, **values, **changes, **outcome}

    formats = {"png": "png", "webp": "webp", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "avif": "avif"}
    passing = [
        vector(
            f"format-{name}",
            f"format byte {byte} is {name}",
            sealed(bytes((byte,)) + IMAGE),
            {"result": {"format": name, "mime": f"image/{mime}", "image": IMAGE.hex()}},
        )
        for byte, (name, mime) in enumerate(formats.items(), start=1)
    ]
    good = sealed(b"\x01" + IMAGE)
    ciphertext, tag = good
    wrong_tag = {"failure": "tag"}
    flipped = bytes((ciphertext[0] ^ 1,)) + ciphertext[1:]
    return [
        *passing,
        vector("tag-flipped", "the tag is checked", (ciphertext, bytes((tag[0] ^ 1,)) + tag[1:]), wrong_tag),
        vector("ciphertext-flipped", "every byte is authenticated", (flipped, tag), wrong_tag),
        vector("ciphertext-short", "the length is authenticated", (ciphertext[:-1], tag), wrong_tag),
        vector("ciphertext-empty", "the length is authenticated", (b"", tag), wrong_tag),
        vector("other-key", "each image has its own key", good, wrong_tag, key=fixed("other key", 32).hex()),
        vector("other-iv", "the nonce is authenticated", good, wrong_tag, iv=fixed("other iv", 12).hex()),
        vector("with-aad", "there is no additional data", sealed(b"\x01" + IMAGE, aad=b"id"), wrong_tag),
        vector("format-byte-0", "format bytes start at 1", sealed(b"\0" + IMAGE), {"failure": "format-byte"}),
        vector("format-byte-7", "format bytes end at 6", sealed(b"\x07" + IMAGE), {"failure": "format-byte"}),
        vector("format-byte-alone", "an image has bytes", sealed(b"\x01"), {"failure": "no-image"}),
    ]


def wrap(
    fields: Vector,
    *,
    secret: str = NEW_SECRET,
    purpose: bytes = DOMAIN + b" image key",
    database: bytes = DATABASE,
    named: bytes = DATABASE,
) -> bytes:
    parts = (
        purpose,
        fields["image_id"].encode(),
        bytes.fromhex(fields["version"]),
        bytes((fields["format"],)),
        bytes.fromhex(fields["iv"]),
        bytes.fromhex(fields["tag"]),
        fields["size"].to_bytes(8, "big"),
        *([bytes.fromhex(fields["sha256"])] if fields["sha256"] else []),
    )
    aad = b"".join(struct.pack(">H", len(part)) + part for part in parts)
    wrapper = AESSIV(expand(secret, b"wrap", 64, database))
    return expand(secret, b"key id", 4, named) + wrapper.encrypt(KEY, [aad])


def wrap_vectors() -> list[Vector]:
    ciphertext, tag = sealed(b"\x01" + IMAGE)
    row: Vector = {
        "database": DATABASE.hex(),
        "image_id": IMAGE_ID,
        "version": VERSION.hex(),
        "format": 1,
        "iv": IV.hex(),
        "tag": tag.hex(),
        "size": len(ciphertext),
        "sha256": None,
    }
    earlier = {**row, "sha256": hashlib.sha256(ciphertext).hexdigest()}
    good = wrap(row)

    def vector(name: str, rule: str, wrapped: bytes, outcome: Vector, **changes: Any) -> Vector:
        secrets = [OLD_SECRET, NEW_SECRET]
        return {"name": name, "rule": rule, "secrets": secrets, **row, **changes, "wrapped": wrapped.hex(), **outcome}

    unwraps, refused = {"result": {"key": KEY.hex()}}, {"failure": "wrap"}
    changes: list[tuple[str, Vector]] = [
        ("id", {"image_id": "players:other"}),
        ("version", {"version": fixed("other version", 16).hex()}),
        ("format", {"format": 2}),
        ("iv", {"iv": fixed("other iv", 12).hex()}),
        ("tag", {"tag": fixed("other tag", 16).hex()}),
        ("size", {"size": row["size"] + 1}),
        ("sha256", {"sha256": hashlib.sha256(ciphertext).hexdigest()}),
    ]
    unknown = {"failure": "unknown-key"}
    of_other = wrap(row, database=OTHER_DATABASE, named=OTHER_DATABASE)
    unbound = wrap(row, database=b"", named=b"")
    return [
        vector("newest-secret", "the last secret wraps", good, unwraps),
        vector("old-secret", "every secret of the ring unwraps", wrap(row, secret=OLD_SECRET), unwraps),
        vector("earlier", "earlier versions have a hash", wrap(earlier), unwraps, **earlier),
        vector("earlier-without", "the hash of an earlier version is bound", wrap(earlier), refused),
        vector("other-secret", "the secret is in the ring", wrap(row, secret=OTHER_SECRET), unknown),
        vector("other-database", "made for its database", of_other, unknown),
        vector("database-renamed", "bound to its database", wrap(row, database=OTHER_DATABASE), refused),
        vector("unbound", "a database without a zero is no older than ids", unbound, unknown),
        vector("older", "one with a zero is", unbound, unwraps, database=OLD_DATABASE.hex()),
        vector("empty", "a wrapped key has 52 bytes", b"", unknown),
        *(vector(f"other-{name}", f"{name} is bound", good, refused, **change) for name, change in changes),
        vector("flipped", "every byte is authenticated", good[:-1] + bytes((good[-1] ^ 1,)), refused),
        vector("short", "a wrapped key has 52 bytes", good[:-1], refused),
        vector("key-id-alone", "a wrapped key has 52 bytes", good[:4], refused),
        vector("other-purpose", "the purpose is bound", wrap(row, purpose=b"something else"), refused),
    ]


# Sealed keys


def pair(name: str, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(fixed(name, 31), "big"), curve or ec.SECP256R1())


def point(of: ec.EllipticCurvePrivateKey, form: PublicFormat = PublicFormat.UncompressedPoint) -> bytes:
    return of.public_key().public_bytes(Encoding.X962, form)


PAGE, OTHER_PAGE, EPHEMERAL, OTHER_EPHEMERAL = (pair(n) for n in ("page", "other page", "ephemeral", "other ephemeral"))
NONCE = fixed("sealed nonce", 12)


def sealed_key(
    fields: Vector,
    *,
    recipient: ec.EllipticCurvePrivateKey = PAGE,
    ephemeral: ec.EllipticCurvePrivateKey = EPHEMERAL,
    key: bytes = KEY,
    purpose: bytes = DOMAIN + b" sealed key",
    parts_bound: bool = True,
) -> bytes:
    shared = ephemeral.exchange(ec.ECDH(), recipient.public_key())
    prk = hmac.digest(bytes(32), shared, "sha256")
    wrapping = hmac.digest(prk, purpose + point(ephemeral) + point(recipient) + b"\x01", "sha256")
    meta = fields["meta"]
    proof = fields["statelessProof"].encode()
    iv, tag = (base64.b64decode(meta[name]) for name in ("iv", "tag"))
    parts = (purpose, fields["id"].encode(), str(fields["token"]).encode(), iv, tag, proof)
    aad = b"".join(struct.pack(">H", len(part)) + part for part in parts)
    return point(ephemeral) + NONCE + AESGCM(wrapping).encrypt(NONCE, key, aad if parts_bound else None)


def sealed_record(sealed: bytes | None = None, **changes: Any) -> Vector:
    """Return a sealed record, by default with the key of exactly these fields."""
    fields = {**record(), "statelessProof": proof_text(version=2), **changes}
    text = base64.b64encode(sealed_key(fields) if sealed is None else sealed).decode()
    return {**fields, "meta": {"sealed": text, "iv": fields["meta"]["iv"], "tag": fields["meta"]["tag"]}}


def sealed_key_vectors() -> list[Vector]:
    """Return sealed records and the page that opens them: the key, or that the page must refuse the record."""

    def vector(name: str, rule: str, value: Vector, outcome: Vector, page: ec.EllipticCurvePrivateKey = PAGE) -> Vector:
        secret = page.private_numbers().private_value.to_bytes(32, "big").hex()
        return {
            "name": name,
            "rule": rule,
            "page": {"d": secret, "point": point(page).hex()},
            "record": value,
            **outcome,
        }

    opens = {
        "result": {"key": KEY.hex()},
        "ephemeral": EPHEMERAL.private_numbers().private_value.to_bytes(32, "big").hex(),
        "nonce": NONCE.hex(),
    }

    def refused(name: str, rule: str, value: Vector) -> Vector:
        return vector(name, rule, value, {"failure": "sealed"})

    good = sealed_record()
    whole = sealed_key(good)
    place = {"point": 0, "x": 1, "y": 64, "nonce": 65, "key": 77, "tag": 124}

    def flipped(at: int) -> bytes:
        return whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]

    def changed(**changes: Any) -> Vector:
        return {**good, **changes}

    def with_meta(**changes: Any) -> Vector:
        return changed(meta={**good["meta"], **changes})

    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    foreign = point(pair("ephemeral", ec.SECP256K1())) + whole[65:]
    compressed = point(EPHEMERAL, PublicFormat.CompressedPoint) + bytes(32) + whole[65:]
    changes = {
        "id": changed(id="players:other"),
        "variant": changed(id=IMAGE_ID + "~thumb"),
        "token": changed(token=TOKEN + 1),
        "iv": with_meta(iv=text(fixed("other iv", 12))),
        "tag": with_meta(tag=text(fixed("other tag", 16))),
        "proof": changed(statelessProof=proof_text(version=2, epoch=1)),
        "audience": changed(statelessProof=proof_text(version=2, audience="tenant-8")),
        "version": changed(statelessProof=proof_text()),
    }
    return [
        vector("plain", "the page opens its record", good, opens),
        vector("no-directory", "an id needs no directory", sealed_record(id="a"), opens),
        vector("of-variant", "a variant has a key of its own", sealed_record(id=IMAGE_ID + "~thumb"), opens),
        vector("longest-id", "64 and 128 characters", sealed_record(id="d" * 64 + ":" + "n" * 128), opens),
        vector("token-1", "the smallest token", sealed_record(token=1), opens),
        vector("token-max", "the largest token", sealed_record(token=MAX_TOKEN), opens),
        vector(
            "audience-bound",
            "the proof has an audience",
            sealed_record(statelessProof=proof_text(version=2, audience="tenant-7")),
            opens,
        ),
        vector("foreign-proof", "a proof is opaque to clients", sealed_record(statelessProof="~"), opens),
        vector("longest-proof", "512 characters", sealed_record(statelessProof="a" * 512), opens),
        vector("key-beside", "with `sealed`, a `key` is ignored", with_meta(key=text(fixed("other key", 32))), opens),
        vector("extra-field", "unknown fields are ignored", changed(colour="blue"), opens),
        vector("other-page", "sealed to one page", good, {"failure": "sealed"}, OTHER_PAGE),
        *(refused(f"other-{name}", f"the {name} is bound", value) for name, value in changes.items()),
        *(refused(f"flipped-{n}", "each byte counts", sealed_record(flipped(at))) for n, at in place.items()),
        refused("other-ephemeral", "the ephemeral point is bound", sealed_record(point(OTHER_EPHEMERAL) + whole[65:])),
        refused("of-other-purpose", "the purpose is bound", sealed_record(sealed_key(good, purpose=b"something else"))),
        refused("nothing-bound", "there is additional data", sealed_record(sealed_key(good, parts_bound=False))),
        refused("other-curve", "the point is on P-256", sealed_record(foreign)),
        refused("compressed", "the point is uncompressed", sealed_record(compressed)),
        refused("infinity", "the point is not at infinity", sealed_record(bytes(65) + whole[65:])),
        refused("zero", "the point is on P-256", sealed_record(b"\x04" + bytes(64) + whole[65:])),
        refused("key-short", "a key has 32 bytes", sealed_record(sealed_key(good, key=KEY[:31]))),
        refused("key-long", "a key has 32 bytes", sealed_record(sealed_key(good, key=KEY + b"x"))),
        refused("cut", "125 bytes", sealed_record(whole[:-1])),
        refused("point-alone", "125 bytes", sealed_record(whole[:65])),
        refused("empty", "125 bytes", sealed_record(b"")),
        refused("long", "125 bytes", sealed_record(whole + b"\0")),
        refused("unpadded", "padded base64", with_meta(sealed=text(whole).rstrip("="))),
        refused("spare-bits", "one spelling", with_meta(sealed=text(whole)[:-2] + chr(ord(text(whole)[-2]) + 1) + "=")),
        refused("url-alphabet", "standard base64", with_meta(sealed=base64.urlsafe_b64encode(whole).decode())),
        refused("white-space", "no white space", with_meta(sealed=text(whole) + "\n")),
        refused("number", "a sealed key is text", with_meta(sealed=125)),
        refused("null", "a sealed key is text", with_meta(sealed=None)),
    ]


def recipient_vectors() -> list[Vector]:
    """Return texts of the header Pixstore-Recipient: the point in it, or the reason to refuse it."""

    def text(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    def refused(name: str, rule: str, value: str, kind: str) -> Vector:
        return {"name": name, "rule": rule, "text": value, "failure": kind}

    good = point(PAGE)
    curve = text(good)
    with_signs = next(t for n in range(99) if "-" in (t := text(point(pair(f"page {n}")))) and "_" in t)
    twisted = good[:-1] + bytes((good[-1] ^ 1,))
    prime = (2**256 - 2**224 + 2**192 + 2**96 - 1).to_bytes(32, "big")
    form, spelling = "point", "not-canonical"
    return [
        {"name": "good", "rule": "an uncompressed point", "text": curve, "result": {"point": good.hex()}},
        {"name": "signs", "rule": "base64url", "text": with_signs}
        | {"result": {"point": base64.urlsafe_b64decode(with_signs + "=").hex()}},
        refused("empty", "87 characters", "", spelling),
        refused("short", "87 characters", curve[:-1], spelling),
        refused("long", "87 characters", curve + "A", spelling),
        refused("padded", "no padding", curve + "=", spelling),
        refused("spare-bits", "one spelling", curve[:-1] + chr(ord(curve[-1]) + 1), spelling),
        refused("standard-alphabet", "base64url", with_signs.replace("-", "+").replace("_", "/"), spelling),
        refused("line-break", "no white space", curve[:-1] + "\n", spelling),
        refused("not-ascii", "base64url", "é" + curve[1:], spelling),
        refused("list", "one point", f"{curve}, {curve}", spelling),
        refused("compressed", "an uncompressed point", text(point(PAGE, PublicFormat.CompressedPoint)), spelling),
        refused("hybrid", "an uncompressed point", text(bytes((6 + good[-1] % 2,)) + good[1:]), form),
        refused("infinity", "an uncompressed point", text(bytes(65)), form),
        refused("origin", "on the curve", text(b"\x04" + bytes(64)), form),
        refused("off-curve", "on the curve", text(twisted), form),
        refused("x-too-large", "coordinates are below the prime", text(b"\x04" + prime + good[33:]), form),
        refused("all-ones", "coordinates are below the prime", text(b"\x04" + b"\xff" * 64), form),
        refused("other-curve", "on P-256", text(point(pair("page", ec.SECP256K1()))), form),
        refused("larger-curve", "on P-256", text(point(pair("page", ec.SECP384R1()))), spelling),
    ]


# Records and requests


def record(**changes: Any) -> Vector:
    meta = {name: base64.b64encode(fixed(name, size)).decode() for name, size in (("key", 32), ("iv", 12), ("tag", 16))}
    return {"id": IMAGE_ID, "token": TOKEN, "meta": meta, "statelessProof": proof_text(), **changes}


def record_vectors() -> list[Vector]:
    def with_meta(**changes: Any) -> Vector:
        return record(meta={**record()["meta"], **changes})

    def without(name: str) -> Vector:
        return {key: value for key, value in record().items() if key != name}

    key = record()["meta"]["key"]
    url_key = next(text for n in range(99) if "+" in (text := base64.b64encode(fixed(f"key {n}", 32)).decode()))
    passing = [
        ("plain", "the four fields", record()),
        ("extra-field", "unknown fields are ignored", record(proofExpiresAt=NOW_MS, colour="blue")),
        ("no-directory", "an id needs no directory", record(id="kth1m9c4n8l2a7vz")),
        ("longest-id", "64 and 128 characters", record(id="d" * 64 + ":" + "n" * 128)),
        ("token-1", "the smallest token", record(token=1)),
        ("token-max", "the largest token", record(token=MAX_TOKEN)),
        ("foreign-proof", "a proof is opaque to clients", record(statelessProof="3q2+7w==")),
        ("sealed", "a sealed key stands for the key", sealed_record()),
    ]
    failing: list[tuple[str, str, Any, str]] = [
        ("null", "a record is an object", None, "shape"),
        ("list", "a record is an object", [], "shape"),
        ("no-meta", "meta is an object", without("meta"), "shape"),
        ("no-id", "there is an id", without("id"), "id"),
        ("empty-id", "an id has characters", record(id=""), "id"),
        ("id-dots", "an id names no path", record(id="../secret"), "id"),
        ("id-slash", "an id names no path", record(id="a/b"), "id"),
        ("id-two-colons", "one colon at most", record(id="a:b:c"), "id"),
        ("id-open-colon", "a colon has a name behind it", record(id="a:"), "id"),
        ("id-line-break", "no white space", record(id="a\n"), "id"),
        ("id-long", "64 characters without a directory", record(id="a" * 65), "id"),
        ("id-number", "an id is a string", record(id=7), "id"),
        ("no-token", "there is a token", without("token"), "token"),
        ("token-0", "the smallest token is 1", record(token=0), "token"),
        ("token-2-53", "the largest token is 2**53-1", record(token=2**53), "token"),
        ("token-half", "a token is an integer", record(token=1.5), "token"),
        ("token-text", "a token is a number", record(token=str(TOKEN)), "token"),
        ("token-true", "a token is a number", record(token=True), "token"),
        ("key-url-alphabet", "standard base64", with_meta(key=url_key.replace("+", "-")), "key"),
        ("key-unpadded", "padded base64", with_meta(key=key.rstrip("=")), "key"),
        ("key-spare-bits", "one spelling of each key", with_meta(key=key[:-2] + chr(ord(key[-2]) + 1) + "="), "key"),
        ("key-short", "a key has 32 bytes", with_meta(key=base64.b64encode(bytes(31)).decode()), "key"),
        ("key-number", "a key is text", with_meta(key=32), "key"),
        ("no-key", "there is a key", record(meta={n: record()["meta"][n] for n in ("iv", "tag")}), "key"),
        ("sealed-short", "a sealed key has 125 bytes", sealed_record(fixed("sealed", 124)), "sealed"),
        ("sealed-key", "a sealed key has 125 bytes", with_meta(sealed=key), "sealed"),
        ("iv-long", "an iv has 12 bytes", with_meta(iv=base64.b64encode(bytes(13)).decode()), "iv"),
        ("tag-short", "a tag has 16 bytes", with_meta(tag=base64.b64encode(bytes(12)).decode()), "tag"),
        ("no-proof", "there is a proof", without("statelessProof"), "proof"),
        ("empty-proof", "a proof has characters", record(statelessProof=""), "proof"),
        ("proof-line-break", "a proof fits a header", record(statelessProof="a\r\nx: y"), "proof"),
        ("proof-long", "512 characters", record(statelessProof="a" * 513), "proof"),
    ]
    result = [
        {"name": name, "rule": rule, "record": value, "result": {"id": value["id"], "token": value["token"]}}
        for name, rule, value in passing
    ]
    return [*result, *({"name": n, "rule": rule, "record": value, "failure": kind} for n, rule, value, kind in failing)]


def client_request_vectors() -> list[Vector]:
    plain = "kth1m9c4n8l2a7vz"
    proofs = {IMAGE_ID: proof_text(), plain: proof_text(image_id=plain)}
    paths = {IMAGE_ID: "/pixstore-image/players:kth1m9c4n8l2a7vz", plain: f"/pixstore-image/{plain}"}
    return [
        {
            "name": "colon" if ":" in image_id else "plain-id",
            "rule": "the id is the last part of the path, proof and token are headers",
            "record": record(id=image_id, statelessProof=proofs[image_id]),
            "endpoint": "/pixstore-image",
            "path": path,
            "headers": {"x-pixstore-proof": proofs[image_id], "x-pixstore-token": str(TOKEN)},
        }
        for image_id, path in paths.items()
    ]


def server_request_vectors() -> list[Vector]:
    """Return requests to a server at /pixstore-image with an empty store, so NotFound means that all checks passed."""
    path = "/pixstore-image/players%3Akth1m9c4n8l2a7vz"
    proof, token = ["x-pixstore-proof", proof_text()], ["x-pixstore-token", str(TOKEN)]

    def vector(
        name: str, rule: str, state: str, headers: list[list[str]], *, path: str = path, status: int = 200
    ) -> Vector:
        return {"name": name, "rule": rule, "path": path, "headers": headers, "status": status, "state": state}

    def with_token(text: str) -> list[list[str]]:
        return [proof, ["x-pixstore-token", text]]

    hostile = {
        "percent": "/pixstore-image/%25",
        "not-utf-8": "/pixstore-image/%FF",
        "nul": "/pixstore-image/a%00b",
        "dots": "/pixstore-image/..%2F..%2Fsecret",
        "slash": "/pixstore-image/a%2Fb",
        "two-colons": path + "%3Ajunk",
        "two-slashes": path + "//",
        "long": "/pixstore-image/" + "a" * 4000,
    }
    bad_tokens = {
        "empty": "",
        "zero": "0",
        "negative": "-1",
        "plus": f"+{TOKEN}",
        "leading-zero": f"0{TOKEN}",
        "fraction": f"{TOKEN}.0",
        "hexadecimal": "0x10",
        "too-large": str(2**53),
        "huge": "9" * 400,
        "space": f"{TOKEN} 1",
        "underscore": "1_000",
        "other": str(TOKEN + 1),
    }
    good = [proof, token]
    return [
        vector("good", "id, proof and token are right", "NotFound", good),
        vector("plain-colon", "the colon may come as it is", "NotFound", good, path=path.replace("%3A", ":")),
        vector("slash", "a slash at the end is no part of the id", "NotFound", good, path=path + "/"),
        vector("query", "a query string is no part of the id", "NotFound", good, path=path + "?v=1"),
        vector("no-id", "the id is checked first", "MissingID", [], path="/pixstore-image", status=400),
        vector("no-id-slash", "the id is checked first", "MissingID", good, path="/pixstore-image/", status=400),
        vector("no-proof", "a proof is checked second", "MissingProof", [token]),
        vector("empty-proof", "an empty proof is none", "MissingProof", [token, ["x-pixstore-proof", ""]]),
        vector("no-proof-hostile-id", "a missing proof comes first", "MissingProof", [], path=hostile["dots"]),
        vector("two-proofs", "a repeated header is refused", "InvalidProof", [proof, proof, token]),
        vector("long-proof", "a proof has 48 characters", "InvalidProof", [token, ["x-pixstore-proof", "A" * 4000]]),
        vector("no-token", "a bound proof wants its token", "InvalidProof", [proof]),
        vector("two-tokens", "a repeated header is refused", "InvalidProof", [proof, token, token]),
        *(vector(f"token-{n}", "the token is canonical", "InvalidProof", with_token(t)) for n, t in bad_tokens.items()),
        *(
            vector(f"id-{n}", "an id that can't be is refused", "InvalidProof", good, path=p)
            for n, p in hostile.items()
        ),
    ]


def batch_entry(image_id: object = IMAGE_ID, **others: object) -> Vector:
    return {"id": image_id, "token": TOKEN, "proof": proof_text(), **others}


def batch_request_vectors() -> list[Vector]:
    """Return bodies of batch requests: the ids they ask for, or that the whole request is refused with 400."""

    def vector(name: str, rule: str, body: str, ids: list[str] | None = None) -> Vector:
        return {"name": name, "rule": rule, "body": body} | ({"failure": 400} if ids is None else {"ids": ids})

    def of(*entries: object, **others: object) -> str:
        return json.dumps({"images": list(entries), **others}, separators=(",", ":"))

    names = [f"a{number}" for number in range(26)]
    one = of(batch_entry())
    spaces = " " * (16 * 1024 - len(one))
    without = {name: {k: v for k, v in batch_entry().items() if k != name} for name in ("id", "token", "proof")}
    return [
        vector("one", "one image", one, [IMAGE_ID]),
        vector("most", "at most 25 images", of(*map(batch_entry, names[:25])), names[:25]),
        vector("unknown-field", "other fields are ignored", of(batch_entry(more=1), more=2), [IMAGE_ID]),
        vector("no-token", "each entry is checked on its own", of(without["token"]), [IMAGE_ID]),
        vector("no-proof", "each entry is checked on its own", of(without["proof"]), [IMAGE_ID]),
        vector("hostile-id", "each entry is checked on its own", of(batch_entry("../x")), ["../x"]),
        vector("longest", "a body has at most 16 KiB", one + spaces, [IMAGE_ID]),
        vector("too-long", "a body has at most 16 KiB", one + spaces + " "),
        vector("none", "at least one image", of()),
        vector("too-many", "at most 25 images", of(*map(batch_entry, names))),
        vector("twice", "the ids are distinct", of(batch_entry(), batch_entry())),
        vector("no-id", "an entry has an id", of(without["id"])),
        vector("id-number", "an id is a string", of(batch_entry(7))),
        vector("token-string", "a token is an integer", of(batch_entry(token=str(TOKEN)))),
        vector("token-fraction", "a token is an integer", of(batch_entry(token=1.5))),
        vector("token-true", "a token is an integer", of(batch_entry(token=True))),
        vector("proof-number", "a proof is a string", of(batch_entry(proof=7))),
        vector("entry-string", "an entry is an object", of("a")),
        vector("images-object", "images is a list", json.dumps({"images": {"a": batch_entry()}})),
        vector("images-string", "images is a list", json.dumps({"images": "a"})),
        vector("list", "the body is an object", json.dumps([batch_entry()])),
        vector("empty", "the body is JSON", ""),
        vector("cut", "the body is JSON", one[:-1]),
        vector("nested", "the body is JSON that a parser can take", "[" * 8000),
        vector(
            "endless-number", "the body is JSON that a parser can take", '{"images":[{"token":' + "9" * 9000 + "}]}"
        ),
    ]


def batch_frame_vectors() -> list[Vector]:
    """Return frames: the answers of a batch for one image each."""
    success = b"\0" + IMAGE
    cases = [
        ("success", 0, 200, success),
        ("last-index", 24, 200, success),
        ("not-found", 1, 200, b"\x02"),
        ("no-id", 2, 400, b"\x03"),
        ("refused", 3, 403, b""),
    ]
    return [
        {"name": name, "index": index, "status": status, "body": body.hex()}
        | {"frame": (struct.pack("<BHI", index, status, len(body)) + body).hex()}
        for name, index, status, body in cases
    ]


def all_files() -> dict[str, Any]:
    requests = {
        "secrets": [OLD_SECRET, NEW_SECRET],
        "database": DATABASE.hex(),
        "now_ms": NOW_MS,
        "window_ms": WINDOW_MS,
    }
    return {
        "wire.json": {"vectors": wire_vectors()},
        "proof.json": {"vectors": proof_vectors()},
        "sealed.json": {"recipients": recipient_vectors(), "records": sealed_key_vectors()},
        "batch.json": {"requests": batch_request_vectors(), "frames": batch_frame_vectors()},
        "cipher.json": {"sealed": sealed_vectors(), "wraps": wrap_vectors()},
        "record.json": {
            "records": record_vectors(),
            "server": requests,
            "requests": [*client_request_vectors(), *server_request_vectors()],
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="write the test vectors")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a file differs")
    check = parser.parse_args().check
    stale = []
    for name, content in all_files().items():
        text = json.dumps(content, indent=1) + "\n"
        path = HERE / name
        if not check:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            stale.append(name)
    if stale:
        sys.exit(f"not what the generator writes: {', '.join(stale)}; run python tests/vectors/generate.py")


if __name__ == "__main__":
    main()
