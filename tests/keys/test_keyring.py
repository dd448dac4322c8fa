"""The key ring: the secrets that it accepts, and the keys derived from them."""

import hmac
from typing import Any

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import PixstoreError, SecretError
from pixstore_asgi.store.memory import MemoryStore
from tests.support.rings import DATABASE_ID, NEW, OLD
from tests.support.samples import OTHER_SECRET, SECRET


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "short",
        "x" * 42,
        b"",
        b"x" * 31,
        [],
        ["y" * 43, "short"],
        "x" * 40 + " \n" + "x" * 10,
        ["y" * 43] * 2,
        {"y" * 43},
    ],
)
def test_bad_secrets_are_refused(secret: Any) -> None:
    """A secret that is empty, too short, has white space, is listed twice or is in a set is refused, unquoted."""
    with pytest.raises(SecretError) as caught:
        KeyRing(secret)
    text = str(caught.value)
    assert "short" not in text.replace("too short", "")
    assert "x" * 10 not in text
    assert "y" * 10 not in text


@pytest.mark.parametrize("secret", ["too-short", b"too short"])
def test_a_short_secret_names_the_command(secret: str | bytes) -> None:
    """The error for a short secret names the command that prints a good one."""
    with pytest.raises(SecretError, match="pixstore-asgi secret"):
        Pixstore(MemoryStore(), secret=secret)


def test_bytes_are_a_secret_too() -> None:
    """32 bytes are a secret, and each type of bytes gives the same ring."""
    assert repr(KeyRing(bytes(range(32)))) == repr(KeyRing([bytearray(range(32))]))  # type: ignore[list-item]


def test_keyed_macs_are_cached_and_few() -> None:
    """A purpose has the same key every time, each MAC starts empty, and only a few keyed states are cached."""
    key = KeyRing(SECRET).signing
    macs = []
    for number in [*range(50), *range(50)]:
        mac = key.mac(b"%d" % number)
        mac.update(b"message")
        macs.append(mac.finalize())
    assert macs[:50] == macs[50:]
    assert len(set(macs)) == 50
    assert macs[7] == hmac.digest(key.expand(b"7", 32), b"message", "sha256")
    assert len(key._macs) <= 8


def test_key_ids_are_public_and_stable() -> None:
    """The key id depends only on secret and database, and the repr of a ring shows only ids."""
    ring = KeyRing([SECRET, OTHER_SECRET])
    assert repr(ring) == "KeyRing(576e6f5c, b0632a92)"
    ring = ring.bound_to(DATABASE_ID)
    assert (OLD, NEW) == ("1049be92", "ec28588f")
    assert repr(ring) == f"KeyRing({OLD}, {NEW})"
    assert repr(ring.signing) == f"RingKey({NEW})"
    assert [check[:4].hex() for check in ring.check_values] == [OLD, NEW]
    assert ring.newest.check_values == ring.check_values[1:]


def test_unbound_keys_only_unwrap() -> None:
    """In a database that is older than its id, keys bound to no id unwrap, and neither sign nor verify."""
    unbound = [bytes.fromhex(key_id) for key_id in ("576e6f5c", "b0632a92")]
    older = KeyRing([SECRET, OTHER_SECRET]).bound_to(b"\0" + DATABASE_ID[1:])
    assert all(older.get(key_id) for key_id in unbound)
    assert not older.verifying.keys() & unbound
    assert [check[:4] for check in older.check_values] == [*unbound, *older.verifying]
    assert list(older.verifying.values())[-1] is older.signing
    assert not any(KeyRing([SECRET, OTHER_SECRET]).bound_to(DATABASE_ID).get(key_id) for key_id in unbound)


def test_a_secret_error_is_a_pixstore_error() -> None:
    """SecretError is a PixstoreError, so one except clause catches all errors."""
    assert issubclass(SecretError, PixstoreError)
