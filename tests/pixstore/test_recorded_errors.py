"""If an error leaves the package, the locals of its frames, which an error tracker records, have no key or secret."""

import io
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import ConfigError, Pixstore, PixstoreError, StoreError, WireState
from pixstore_asgi.core.images import Seal
from pixstore_asgi.core.record import encode_base64
from pixstore_asgi.errors import IntegrityError, InvalidImage, SecretError, StoreConflict
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.serving.decide import Inquiry
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.transfer.exports import open_npm_target
from tests.support.leaks import spellings
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture

SHORT = "a-password-of-a-few-characters"
SPLIT = "a-secret-with-white-space 0123456789-abcdefghijklmnop"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Return an error and all that it was raised from or after."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


def recorded(value: object, depth: int = 4) -> Iterator[str]:
    """Return the texts that a tracker may keep of a value: its repr, that of its items, and that of its attributes."""
    yield repr(value)
    inner: list[object] = []
    if isinstance(value, Mapping):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        inner = list(value)
    elif depth == 4:
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        inner = [getattr(value, name) for name in slots if hasattr(value, name)] + list(
            getattr(value, "__dict__", {}).values()
        )
    if depth:
        for each in inner:
            yield from recorded(each, depth - 1)


def locals_of(error: BaseException) -> Iterator[tuple[str, str]]:
    """Return every frame's locals, except those of this file, which stands for an application."""
    for one in chain(error):
        trace = one.__traceback__
        while trace is not None:
            frame, trace = trace.tb_frame, trace.tb_next
            if frame.f_code.co_filename != __file__:
                for name, value in frame.f_locals.items():
                    for text in recorded(value):
                        yield f"{Path(frame.f_code.co_filename).name}: {frame.f_code.co_name}: {name}", text


def leaks(error: BaseException, *hidden: str | bytes) -> set[str]:
    """Return the places where a key or secret would be recorded."""
    wanted = {text for each in hidden for text in spellings(each.encode() if isinstance(each, str) else each)}
    assert not any(text in str(one) for one in chain(error) for text in wanted)
    return {place for place, text in locals_of(error) if any(each in text for each in wanted)}


def test_the_walk_finds_what_is_there() -> None:
    """A key in a local, in a list in a dict there, or in an attribute is found."""
    names: dict[str, Any] = {"key": b"k" * 32, "seal": Seal(b"k" * 32, bytes(12), bytes(16), "png")}
    for value in ("key", "[{1: key}]", "seal"):
        with pytest.raises(ZeroDivisionError) as caught:
            exec(compile(f"def fail():\n    held = {value}\n    1 / 0\nfail()", "elsewhere", "exec"), dict(names))  # noqa: S102
        assert leaks(caught.value, b"k" * 32)


@pytest.mark.parametrize(
    "secret",
    [
        SHORT,
        SHORT.encode(),
        [SECRET, SHORT],
        [SHORT.encode()],
        SPLIT,
        [SECRET, SPLIT],
        [SECRET, SECRET],
        [SECRET, None],
        5,
    ],
)
def test_a_refused_secret(secret: Any) -> None:
    """A secret that is too short, has white space in it, is listed twice or beside none is in no frame."""
    with pytest.raises(SecretError) as caught:
        Pixstore(MemoryStore(), secret=secret)
    assert leaks(caught.value, SECRET, SHORT, SPLIT) == set()


def test_a_good_secret_beside_a_wrong_option() -> None:
    """Where another option is refused, the secret is in no frame either."""
    for options in ({"cache_bytes": -1}, {"proof_window_ms": 0}, {"image_formats": "png"}, {"store": ":memory:"}):
        with pytest.raises(ConfigError) as caught:
            Pixstore(**{"store": MemoryStore(), "secret": SECRET, **options})  # type: ignore[arg-type]
        assert leaks(caught.value, SECRET) == set()


@pytest.mark.parametrize("value", [SHORT, f"{SECRET} {SECRET}", f"{SECRET} {SHORT}"])
async def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A variable that holds a bad secret, or one twice, is in no frame."""
    monkeypatch.setenv("PIXSTORE_SECRET", value)
    with pytest.raises(SecretError) as caught:
        await Pixstore(tmp_path / "pixstore.db").open()
    assert leaks(caught.value, SECRET, SHORT) == set()


async def test_the_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content of a key file is in no frame, if the file is refused or can't be made."""
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)
    key_file = tmp_path / "pixstore.db.key"
    key_file.write_text(SHORT)
    key_file.chmod(0o600)
    with pytest.raises(SecretError) as caught:
        await Pixstore(tmp_path / "pixstore.db").open()
    assert leaks(caught.value, SHORT) == set()
    key_file.unlink()

    def refuse(source: str, target: str) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("secrets.token_urlsafe", lambda length: SECRET)
    with pytest.raises(SecretError, match="no links here") as caught:
        await Pixstore(tmp_path / "pixstore.db").open()
    assert leaks(caught.value, SECRET) == set()


def damage(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE chunk SET data = zeroblob(length(data))", IntegrityError),
        ("DELETE FROM chunk", StoreError),
        ("UPDATE image SET tag = zeroblob(16)", IntegrityError),
        ("UPDATE wrapped_key SET value = zeroblob(52)", IntegrityError),
    ],
)
async def test_a_damaged_image(pix: Pixstore, tmp_path: Path, statement: str, kind: type[PixstoreError]) -> None:
    """Reading or exporting a changed image or row shows neither the image's key nor the secret's."""
    record = await pix.save_image(large_png(600_000))
    damage(tmp_path / "pixstore.db", statement)
    ring = parts_of(pix).life.ring
    assert ring is not None
    secrets = (record.key, SECRET, ring.signing.expand(b"wrap", 64))
    calls = [pix.read_image, pix.export_image]
    if "wrapped_key" in statement or "tag" in statement:
        calls.append(pix.get_image_record)  # type: ignore[arg-type]
    for call in calls:
        with pytest.raises(kind) as caught:
            await call(record.id)
        assert leaks(caught.value, *secrets) == set()


async def test_an_updated_payload_that_breaks_off(pix: Pixstore, tmp_path: Path) -> None:
    """A payload with a key and a lost body has no key in its error."""
    record = await pix.save_image(large_png(1_600_000))
    payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
    await payload.aclose()
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET, bind_token=False, cache_bytes=0) as other:
        fresh = await other.get_image_record(record.id)
        assert fresh is not None
        damage(tmp_path / "pixstore.db", "DELETE FROM chunk")
        payload = await other.open_payload(record.id, proof=fresh.stateless_proof)
        with pytest.raises(StoreError) as caught:
            await anext(payload)
    assert leaks(caught.value, record.key) == set()


async def test_a_small_body_that_breaks_off_before_its_key(
    pix: Pixstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a whole body can't be read, the error has no key, though the answer would have brought one."""
    record = await pix.save_image(large_png(600_000))
    await pix.import_image(record.id, large_png(600_000), token=record.token + 1, if_token=record.token)
    damage(tmp_path / "pixstore.db", "UPDATE chunk SET data = x'00' WHERE id & 65535 = 1")
    caught: list[PixstoreError] = []

    fail = Inquiry.fail

    def keep(inquiry: Inquiry, error: PixstoreError) -> WireState:
        caught.append(error)
        return fail(inquiry, error)

    monkeypatch.setattr(Inquiry, "fail", keep)
    await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
    (error,) = caught
    fresh = await pix.get_image_record(record.id)
    assert fresh is not None
    assert "missing" in str(error)
    assert leaks(error, fresh.key) == set()


async def test_a_wrong_seal(pix: Pixstore) -> None:
    """The key of a seal that is another image's, of a bad token or of an image that is there already is in no frame."""
    record = await pix.save_image(picture())
    exported = await pix.export_image(record.id)
    assert exported is not None
    for image_id, image, token in [
        ("b", picture("webp"), 1),
        ("b", picture("jpeg"), 2**53 - 1),
        (record.id, picture(), 1),
    ]:
        with pytest.raises(PixstoreError) as caught:
            await pix.import_image(image_id, image, token=token, seal=exported.seal)
        assert leaks(caught.value, record.key) == set()


async def test_an_npm_store_that_takes_no_row(pix: Pixstore, tmp_path: Path) -> None:
    """The key that an export to npm's store writes in clear is in no frame, where that refuses it or takes none."""
    record = await pix.save_image(picture())
    exported = await pix.export_image(record.id)
    assert exported is not None
    with open_npm_target(tmp_path / "npm") as target:
        target.add(exported)
        target._connection.execute("UPDATE image_records SET token = 1")
        with pytest.raises(PixstoreError, match="another version") as another:
            target.add(exported)
        target._connection.execute("DELETE FROM image_records")
        target._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="can't be written") as unwritten:
            target.add(exported)
        target._connection.rollback()
    for caught in (another, unwritten):
        assert leaks(caught.value, record.key, encode_base64(record.key)) == set()


async def test_a_key_that_is_not_stored(pix: Pixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fresh key of an image that is refused, or comes too late, is in no frame."""
    fresh = bytes(range(100, 132))
    record = await pix.save_image(picture())
    monkeypatch.setattr("secrets.token_bytes", lambda length: fresh[:length] if length == 32 else os.urandom(length))

    async def late() -> AsyncIterator[bytes]:
        yield picture("webp")[:100]
        monkeypatch.undo()
        await pix.update_image(record.id, picture("jpeg"))
        yield picture("webp")[100:]

    with pytest.raises(StoreConflict) as caught:
        await pix.update_image(record.id, late(), if_token=record.token)
    assert leaks(caught.value, fresh) == set()
    monkeypatch.setattr("secrets.token_bytes", lambda length: fresh[:length] if length == 32 else os.urandom(length))
    with pytest.raises(InvalidImage) as refused:
        await pix.save_image(picture()[:-20])
    assert leaks(refused.value, fresh) == set()


async def test_another_secret() -> None:
    """A database of another secret refuses without either."""
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET) as pix:
        await pix.save_image(picture())
    with pytest.raises(SecretError) as caught:
        await Pixstore(store, secret=SPLIT.replace(" ", "-")).open()
    assert leaks(caught.value, SECRET, SPLIT.replace(" ", "-")) == set()


@pytest.mark.parametrize("given", [OTHER_SECRET, OTHER_SECRET.encode(), SECRET], ids=["text", "bytes", "the own one"])
async def test_a_secret_in_place_of_its_key_id(pix: Pixstore, given: Any) -> None:
    """A secret that `retire_key` is given by mistake is in no frame, nor the one that the store is open with."""
    with pytest.raises(SecretError, match="no secret of this key id") as caught:
        await pix.retire_key(given)
    assert leaks(caught.value, OTHER_SECRET, SECRET) == set()


async def test_a_secret_in_place_of_its_key_id_where_nothing_opens(tmp_path: Path) -> None:
    """Where the store can't even be opened, the secret that was given by mistake is in no frame either."""
    with pytest.raises(StoreError) as caught:
        await Pixstore(tmp_path / "nowhere" / "pixstore.db", secret=SECRET).retire_key(OTHER_SECRET)
    assert leaks(caught.value, OTHER_SECRET, SECRET) == set()


def test_calls_from_sync_code() -> None:
    """If a call of SyncPixstore fails, its frames have no key id, proof or byte of the image."""
    images = SyncPixstore(Pixstore(MemoryStore(), secret=SECRET))
    with pytest.raises(PixstoreError) as caught:
        images.retire_key(SHORT)
    assert leaks(caught.value, SHORT) == set()
    data = picture()[:-20]
    for each in (data, io.BytesIO(data), iter([data])):
        with pytest.raises(InvalidImage) as refused:
            images.save_image(each)
        assert leaks(refused.value, data) == set()
