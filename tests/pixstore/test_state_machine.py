"""Everything an application can do with a Pixstore, in any order, against a model of a few dictionaries."""

import asyncio
import base64
import contextlib
import gc
import logging
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from pixstore_asgi import ImageNotFound, ImageRecord, Payload, Pixstore, WireState, decode_payload
from pixstore_asgi.core import proof as proofs
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import SecretError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.contract import CHUNK_BYTES, ImageStore
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.s3 import S3Bucket
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.clock import FixedClock
from tests.support.s3 import S3Server
from tests.support.samples import OTHER_SECRET, SECRET, large_png
from tests.support.sqlite_faults import BODIES, check_file

pytestmark = pytest.mark.slow

WINDOW_MS = 20_000
LONG_S = 10_000_000  # more than the clock is moved by in one run
SIZES = [300, CHUNK_BYTES - 1, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 5 * CHUNK_BYTES + 3]
records = Bundle[ImageRecord]("records")
streams = Bundle["OpenStream | None"]("streams")
FOREIGN = KeyRing(OTHER_SECRET)


@dataclass
class OpenStream:
    """A payload that is being read, and the version it must yield."""

    which: int
    payload: Payload
    record: ImageRecord
    image: bytes = field(repr=False)
    read: bytearray = field(default_factory=bytearray, repr=False)


@dataclass
class Change:
    """A cancelled write: the image has its old state or the new one (None: deleted)."""

    image_id: str
    new: bytes | None


class PixstoreMachine(RuleBasedStateMachine):
    """Two Pixstores over one store; a subclass says which."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FixedClock()
        self.made = 0
        self.images: dict[str, bytes] = {}
        self.tokens: dict[str, int] = {}
        self.epochs: Counter[str] = Counter()
        self.streams: list[OpenStream] = []
        self.newest = [0, 0]
        self.secrets = [SECRET, "the-next-secret-for-tests-0123456789-abcdefghi"]
        self.known = [list(self.secrets), list(self.secrets)]
        self.pixstores = [self.make(0), self.make(0)]

    def make_store(self) -> ImageStore:
        raise NotImplementedError

    def make(self, newest: int) -> Pixstore:
        """Open a Pixstore that knows both secrets and signs with this one."""
        secrets = [self.secrets[1 - newest], self.secrets[newest]]
        pix = Pixstore(self.make_store(), secret=secrets, proof_window_ms=WINDOW_MS, clock_ms=self.clock)
        self.run(pix.open())
        return pix

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    def new_image(self, size: int) -> bytes:
        """Return an image that no other version has."""
        self.made += 1
        return large_png(size) + self.made.to_bytes(8, "big")

    def learn(self, record: ImageRecord, image: bytes) -> ImageRecord:
        """Record the result of a save or an update."""
        assert record.token > self.tokens.get(record.id, 0)
        self.tokens[record.id], self.images[record.id] = record.token, image
        return record

    # Rules

    @initialize(target=records)
    def begin(self) -> ImageRecord:
        image = self.new_image(SIZES[3])
        return self.learn(self.run(self.pixstores[0].save_image(image)), image)

    @rule(
        target=records,
        which=st.integers(0, 1),
        size=st.sampled_from(SIZES),
        piece=st.sampled_from([0, 70_000, 600_000]),
    )
    def save(self, which: int, size: int, piece: int) -> ImageRecord:
        image = self.new_image(size)
        return self.learn(self.run(self.pixstores[which].save_image(_in_pieces(image, piece))), image)

    @rule(
        target=records,
        which=st.integers(0, 1),
        record=records,
        size=st.sampled_from(SIZES),
        piece=st.sampled_from([0, 70_000, 600_000]),
    )
    def update(self, which: int, record: ImageRecord, size: int, piece: int) -> ImageRecord:
        image = self.new_image(size)
        if record.id not in self.images:
            with pytest.raises(ImageNotFound):
                self.run(self.pixstores[which].update_image(record.id, _in_pieces(image, piece)))
            return record
        return self.learn(self.run(self.pixstores[which].update_image(record.id, _in_pieces(image, piece))), image)

    @rule(record=records, data=st.lists(st.sampled_from(SIZES), min_size=2, max_size=4))
    def update_at_once(self, record: ImageRecord, data: list[int]) -> None:
        """Several updates at the same moment through both Pixstores: the one with the highest token stays."""
        if record.id not in self.images:
            return
        new = [self.new_image(size) for size in data]

        async def update_all() -> list[ImageRecord]:
            updates = (self.pixstores[n % 2].update_image(record.id, image) for n, image in enumerate(new))
            return list(await asyncio.gather(*updates))

        results = sorted(zip(self.run(update_all()), new, strict=True), key=lambda result: result[0].token)
        for updated, image in results:
            self.learn(updated, image)

    @rule(which=st.integers(0, 1), record=records, size=st.sampled_from(SIZES))
    def delete_during_update(self, which: int, record: ImageRecord, size: int) -> None:
        """A delete through the other Pixstore while an update uploads wins."""
        if record.id not in self.images:
            return
        image = self.new_image(size)

        async def upload() -> AsyncIterator[bytes]:
            yield image[: size // 2]
            assert await self.pixstores[1 - which].delete_image(record.id)
            yield image[size // 2 :]

        with pytest.raises(ImageNotFound):
            self.run(self.pixstores[which].update_image(record.id, upload()))
        del self.images[record.id]

    @rule(which=st.integers(0, 1), record=records)
    def delete(self, which: int, record: ImageRecord) -> None:
        assert self.run(self.pixstores[which].delete_image(record.id)) == (record.id in self.images)
        self.images.pop(record.id, None)

    @rule(target=records, which=st.integers(0, 1), record=records)
    def fresh_record(self, which: int, record: ImageRecord) -> ImageRecord:
        fresh = self.run(self.pixstores[which].get_image_record(record.id))
        assert (fresh is not None) == (record.id in self.images)
        if fresh is None:
            return record
        assert fresh.token == self.tokens[record.id]
        return fresh  # type: ignore[no-any-return]

    @rule(
        which=st.integers(0, 1),
        record=records,
        other=records,
        token=st.sampled_from(["own", "other", "next", "none", "text"]),
        proof=st.sampled_from(["own", "other", "foreign", "none", "changed"]),
    )
    def request(self, which: int, record: ImageRecord, other: ImageRecord, token: str, proof: str) -> None:
        """A request opens the image of the id and token that its proof was issued for, and else nothing."""
        windows, now_ms = parts_of(self.pixstores[which]).proofs.windows, self.clock.now_ms
        foreign = proofs.ProofKeys(FOREIGN, windows).issue(
            proofs.ProofTerms(), image_id=record.id, token=record.token, now_ms=now_ms
        )
        changed = record.stateless_proof[:-1] + ("A" if record.stateless_proof[-1] != "A" else "B")
        sent_token = {"own": record.token, "other": other.token, "next": record.token + 1, "none": None, "text": "1x"}[
            token
        ]
        sent_proof = {
            "own": record.stateless_proof,
            "other": other.stateless_proof,
            "foreign": foreign,
            "none": None,
            "changed": changed,
        }[proof]
        state, body = self.run(self._answer(self.pixstores[which], record.id, sent_token, sent_proof))
        prover = {"own": record, "other": other}.get(proof)
        is_proven = (
            prover is not None
            and (prover.id, prover.token) == (record.id, sent_token)
            and self._is_valid_now(prover, windows.leeway_ms)
            and _key_id_of(prover) in map(self.key_id_of, self.known[which])
        )
        if sent_proof is None:
            assert state is WireState.MISSING_PROOF
        elif not is_proven:
            assert state is WireState.INVALID_PROOF
        elif record.id not in self.images:
            assert state is WireState.NOT_FOUND
        elif _epoch_of(record) != self.epochs[record.id]:
            assert state is WireState.INVALID_PROOF
        else:
            assert prover is not None
            is_current = sent_token == self.tokens[record.id]
            assert state is (WireState.SUCCESS if is_current else WireState.UPDATED)
            assert _decrypted(body, prover) == self.images[record.id]

    @rule(target=streams, which=st.integers(0, 1), record=records, pieces=st.integers(0, 4))
    def open_stream(self, which: int, record: ImageRecord, pieces: int) -> OpenStream | None:
        fresh = self.run(self.pixstores[which].get_image_record(record.id))
        if fresh is None:
            return None
        payload = self.run(self.pixstores[which].open_payload(fresh.id, token=fresh.token, proof=fresh.stateless_proof))
        assert payload.state is WireState.SUCCESS
        stream = OpenStream(which, payload, fresh, self.images[fresh.id])
        self.streams.append(stream)
        self.run(_read_some(stream, pieces))
        return stream

    @rule(stream=streams, pieces=st.integers(1, 3))
    def read_on(self, stream: OpenStream | None, pieces: int) -> None:
        if stream in self.streams:
            self.run(_read_some(stream, pieces))

    @rule(stream=consumes(streams), is_read=st.booleans())
    def end_stream(self, stream: OpenStream | None, is_read: bool) -> None:
        if stream in self.streams:
            self._end(stream, is_read)

    @rule(which=st.integers(0, 1), size=st.sampled_from(SIZES), ticks=st.integers(0, 40))
    def cancel_save(self, which: int, size: int, ticks: int) -> None:
        image = self.new_image(size)
        known = set(self.images)
        if (record := self._cancelled(self.pixstores[which].save_image(_in_pieces(image, 300_000)), ticks)) is not None:
            self.learn(record, image)
            return
        if (new := self._unknown_id(known)) is not None:
            self._settle(Change(new, image))

    @rule(which=st.integers(0, 1), record=records, size=st.sampled_from(SIZES), ticks=st.integers(0, 40))
    def cancel_update(self, which: int, record: ImageRecord, size: int, ticks: int) -> None:
        if record.id not in self.images:
            return
        image = self.new_image(size)
        updating = self.pixstores[which].update_image(record.id, _in_pieces(image, 300_000))
        if (updated := self._cancelled(updating, ticks)) is not None:
            self.learn(updated, image)
        else:
            self._settle(Change(record.id, image))

    @rule(which=st.integers(0, 1), record=records, ticks=st.integers(0, 20))
    def cancel_delete(self, which: int, record: ImageRecord, ticks: int) -> None:
        if record.id in self.images and self._cancelled(self.pixstores[which].delete_image(record.id), ticks) is None:
            self._settle(Change(record.id, None))
        else:
            self.images.pop(record.id, None)

    @rule(which=st.integers(0, 1), record=records, ticks=st.integers(0, 20))
    def cancel_read(self, which: int, record: ImageRecord, ticks: int) -> None:
        """A request given up at any point keeps nothing."""
        request = self._answer(self.pixstores[which], record.id, record.token, record.stateless_proof)
        self._cancelled(request, ticks)

    @rule(step_ms=st.sampled_from([1, 1000, WINDOW_MS, 10_000_000, -1, -1000, -WINDOW_MS, -10_000_000]))
    def move_clock(self, step_ms: int) -> None:
        self.clock.now_ms += step_ms

    @rule(which=st.integers(0, 1))
    def sweep(self, which: int) -> None:
        store = parts_of(self.pixstores[which]).store
        self.run(store.sweep())

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        """Close and open one Pixstore; streams of the other one go on."""
        if any(stream.which == which for stream in self.streams):
            return
        self.run(self.pixstores[which].close())
        self.run(self.pixstores[which].open())

    @rule(which=st.integers(0, 1), record=records)
    def revoke(self, which: int, record: ImageRecord) -> None:
        """Every proof of the image that there is so far is of an epoch that is over."""
        if record.id not in self.images:
            with pytest.raises(ImageNotFound):
                self.run(self.pixstores[which].revoke(record.id))
            return
        assert self.run(self.pixstores[which].revoke(record.id)) == 1
        self.epochs[record.id] += 1

    @rule(target=records, which=st.integers(0, 1), record=records)
    def reseal(self, which: int, record: ImageRecord) -> ImageRecord:
        """The same picture comes under another key."""
        if record.id not in self.images:
            with pytest.raises(ImageNotFound):
                self.run(self.pixstores[which].reseal_image(record.id))
            return record
        resealed = self.learn(self.run(self.pixstores[which].reseal_image(record.id)), self.images[record.id])
        assert resealed.key != record.key
        return resealed

    @rule(which=st.integers(0, 1), newest=st.integers(0, 1))
    def roll_out(self, which: int, newest: int) -> None:
        """Start one Pixstore anew, to sign with a secret that the other one knows too: its own or another."""
        if any(stream.which == which for stream in self.streams):
            return
        if self.secrets[newest] not in self.known[1 - which]:
            newest = self.newest[which]
        self.run(self.pixstores[which].close())
        self.newest[which], self.known[which] = newest, list(self.secrets)
        self.pixstores[which] = self.make(newest)

    @rule(which=st.integers(0, 1))
    def rewrap(self, which: int) -> None:
        """Afterwards the key of every image is under the secret that signs."""
        signing = self.key_id_of(self.secrets[self.newest[which]])
        others = {key_id: images for key_id, images in self.usage().items() if key_id != signing}
        assert self.run(self.pixstores[which].rewrap_keys()) == sum(others.values())
        assert self.usage() == ({signing: len(self.images)} if self.images else {})

    @rule(which=st.integers(0, 1), record=records, size=st.sampled_from(SIZES))
    def rewrap_during_update(self, which: int, record: ImageRecord, size: int) -> None:
        """A rewrapping keeps concurrent changes of the other Pixstore."""
        if record.id not in self.images:
            return
        image = self.new_image(size)

        async def do_both() -> ImageRecord:
            updating = self.pixstores[1 - which].update_image(record.id, _in_pieces(image, 70_000))
            updated, _ = await asyncio.gather(updating, self.pixstores[which].rewrap_keys())
            return updated

        self.learn(self.run(do_both()), image)

    @rule(which=st.integers(0, 1), ticks=st.integers(0, 20))
    def cancel_rewrap(self, which: int, ticks: int) -> None:
        self._cancelled(self.pixstores[which].rewrap_keys(), ticks)
        assert sum(self.usage().values()) == len(self.images)

    @rule(which=st.integers(0, 1))
    def retire(self, which: int) -> None:
        """The secret with which neither signs is retired if the store knows it and no image is under it; another one
        takes its place. A secret that only the key ring knows is not retired, and an unknown one is refused."""
        if self.newest[0] != self.newest[1]:
            return
        pix, old = self.pixstores[which], 1 - self.newest[which]
        key_id = self.key_id_of(self.secrets[old])
        in_use, retired = self.run(parts_of(pix).store.key_checks())
        is_in_store = any(check.startswith(key_id) for check in in_use)
        is_in_ring = self.secrets[old] in self.known[which]
        if key_id in self.usage() if is_in_store else not is_in_ring:
            with pytest.raises(SecretError):
                self.run(pix.retire_key(key_id.hex()))
        else:
            assert self.run(pix.retire_key(key_id.hex())) == is_in_store
        if not is_in_store or key_id in self.usage():
            assert self.run(parts_of(pix).store.key_checks()) == (in_use, retired)
            return
        self.secrets[old] = f"secret-{len(retired)}-of-this-test-0123456789-abcdefghijklmnop"
        assert len(self.run(parts_of(pix).store.key_checks()).retired) == len(retired) + 1

    def key_id_of(self, secret: str) -> bytes:
        """Return the key id of a secret in the store."""
        database_id = self.run(parts_of(self.pixstores[0]).store.database_id())
        return KeyRing(secret).bound_to(database_id).signing.key_id

    def usage(self) -> dict[bytes, int]:
        usage: dict[bytes, int] = self.run(parts_of(self.pixstores[0]).store.key_usage())
        return usage

    # Invariants

    @invariant()
    def reads_equal_the_model(self) -> None:
        """Both Pixstores have the model's images and tokens, and no others."""
        for pix in self.pixstores:
            stored = self.run(parts_of(pix).store.list(limit=1000))
            assert {image.id: image.token for image in stored} == {name: self.tokens[name] for name in self.images}

    @invariant()
    def only_open_streams_are_in_use(self) -> None:
        if self.in_use() > len(self.streams):
            gc.collect()
        assert self.in_use() <= len(self.streams)

    def in_use(self) -> int:
        return 0

    def teardown(self) -> None:
        try:
            for stream in list(self.streams):
                self._end(stream, is_read=True)
            assert self.in_use() == 0
            for image_id, image in self.images.items():
                record = self.run(self.pixstores[1].get_image_record(image_id))
                state, body = self.run(self._answer(self.pixstores[0], record.id, record.token, record.stateless_proof))
                assert (state, _decrypted(body, record)) == (WireState.SUCCESS, image)
            for pix in self.pixstores:
                self.run(pix.close())
            self.check_closed()
        finally:
            for stream in self.streams:
                self.run(stream.payload.aclose())
            for pix in self.pixstores:
                self.run(pix.close())
            self.runner.close()
            self.folder.cleanup()

    def check_closed(self) -> None:
        """Check the state after the last close."""

    # Parts of rules

    async def _answer(
        self, pix: Pixstore, image_id: str, token: int | str | None, proof: str | None
    ) -> tuple[WireState, bytes]:
        async with await pix.open_payload(image_id, token=token, proof=proof) as payload:
            body = b"".join([piece async for piece in payload])
            assert len(body) == payload.size
            return payload.state, body

    def _is_valid_now(self, record: ImageRecord, leeway_ms: int) -> bool:
        expires_at, now_ms = record.proof_expires_at, self.clock.now_ms
        assert expires_at is not None
        return expires_at - 2 * WINDOW_MS <= now_ms + leeway_ms and now_ms < expires_at

    def _cancelled(self, coroutine: Coroutine[Any, Any, Any], ticks: int) -> Any:
        """Cancel an operation after this many turns of the event loop; return its result where it came first."""

        async def run() -> Any:
            task = asyncio.ensure_future(coroutine)
            for tick in range(ticks):
                await asyncio.sleep(0 if tick % 3 else 0.0005)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                return await task
            return None

        return self.run(run())

    def _unknown_id(self, known: set[str]) -> str | None:
        self._flush()
        new = {image.id for image in self.run(parts_of(self.pixstores[0]).store.list(limit=1000))} - known
        assert len(new) <= 1
        return new.pop() if new else None

    def _flush(self) -> None:
        """Wait until the writers have finished their queue, because a cancelled call may still run there."""
        for pix in self.pixstores:
            self.run(parts_of(pix).store.sweep())

    def _settle(self, change: Change) -> None:
        """Find out whether a cancelled write has happened, as a whole, and let the model know."""
        self._flush()
        record = self.run(self.pixstores[0].get_image_record(change.image_id))
        if record is None:
            assert change.new is None
            del self.images[change.image_id]
            return
        state, body = self.run(self._answer(self.pixstores[1], record.id, record.token, record.stateless_proof))
        image = _decrypted(body, record)
        assert state is WireState.SUCCESS
        assert image in (self.images.get(change.image_id), change.new)
        if image == change.new:
            self.learn(record, image)

    def _end(self, stream: OpenStream, is_read: bool) -> None:
        self.streams.remove(stream)
        if is_read:
            self.run(_read_some(stream, 1000))
            assert len(stream.read) == stream.payload.size
            assert _decrypted(bytes(stream.read), stream.record) == stream.image
        self.run(stream.payload.aclose())


class MemoryMachine(PixstoreMachine):
    """Two Pixstores over one MemoryStore."""

    def make_store(self) -> ImageStore:
        if not hasattr(self, "store"):
            self.store = MemoryStore(clock_ms=self.clock)
        return self.store


class SqliteMachine(PixstoreMachine):
    """Two Pixstores on one SQLite file, each with a store of its own."""

    def make_store(self) -> ImageStore:
        return SqliteStore(Path(self.folder.name) / "pixstore.db", clock_ms=self.clock)

    def in_use(self) -> int:
        stores = [parts_of(pix).store for pix in self.pixstores]
        return sum(store.in_use for store in stores if isinstance(store, SqliteStore))

    def check_closed(self) -> None:
        check_file(Path(self.folder.name) / "pixstore.db")


class FolderMachine(SqliteMachine):
    """Two Pixstores on one SQLite file and one folder, which has bodies of both kinds."""

    def make_store(self, sweep_grace_s: float = LONG_S) -> ImageStore:
        folder = Path(self.folder.name)
        bodies = BodyFolder(folder / BODIES)
        bodies.smallest_bytes = 2 * CHUNK_BYTES
        return SqliteStore(folder / "pixstore.db", bodies=bodies, sweep_grace_s=sweep_grace_s, clock_ms=self.clock)

    def check_closed(self) -> None:
        """Check that a sweep long after leaves the files of the images that there are, and no others."""
        store = self.make_store(sweep_grace_s=-LONG_S)
        self.run(store.open())
        while self.run(store.sweep()):
            pass
        self.run(store.close())
        super().check_closed()


class PostgresMachine(PixstoreMachine):
    """Two Pixstores on one schema of a PostgreSQL, each with a store of its own."""

    url: ClassVar[str]

    def make_store(self) -> ImageStore:
        schema = "machine_" + Path(self.folder.name).name.lower()
        return PostgresStore(self.url, schema=schema, clock_ms=self.clock)

    def _flush(self) -> None:
        """Each operation has a connection of its own, and a sweep waits for none of them: so wait for all."""
        for pix in self.pixstores:
            store = parts_of(pix).store
            assert isinstance(store, PostgresStore)
            (database,) = store._engines.values()
            while running := database._running:
                self.run(asyncio.wait(set(running)))


class BucketMachine(PixstoreMachine):
    """Two Pixstores with their bodies below one prefix of a bucket; a subclass says where their rows are."""

    s3: ClassVar[S3Server]

    def make_store(self, sweep_grace_s: float = LONG_S) -> ImageStore:
        raise NotImplementedError

    @property
    def prefix(self) -> str:
        return Path(self.folder.name).name.lower()

    def make_bucket(self) -> S3Bucket:
        return S3Bucket(self.s3.url(self.prefix))

    def check_closed(self) -> None:
        """Check that a sweep long after leaves the objects of the images that there are, and no others."""
        store = self.make_store(sweep_grace_s=-LONG_S)
        self.run(store.open())
        while self.run(store.sweep()):
            pass
        current = {image.meta.version.hex() for image in self.run(store.list(limit=1000))}
        assert self.s3.names(self.prefix) == current
        self.run(store.close())
        if current:  # without a current body in the bucket, the row of a body that is not seen there stays
            super().check_closed()


class SqliteBucketMachine(BucketMachine, SqliteMachine):
    """Two Pixstores on one SQLite file and one prefix of a bucket."""

    def make_store(self, sweep_grace_s: float = LONG_S) -> ImageStore:
        path = Path(self.folder.name) / "pixstore.db"
        return SqliteStore(path, bodies=self.make_bucket(), sweep_grace_s=sweep_grace_s, clock_ms=self.clock)


class PostgresBucketMachine(BucketMachine, PostgresMachine):
    """Two Pixstores on one schema of a PostgreSQL and one prefix of a bucket."""

    def make_store(self, sweep_grace_s: float = LONG_S) -> ImageStore:
        schema, bucket = f"machine_{self.prefix}", self.make_bucket()
        return PostgresStore(self.url, schema=schema, bodies=bucket, sweep_grace_s=sweep_grace_s, clock_ms=self.clock)


@pytest.fixture(
    params=[
        MemoryMachine,
        SqliteMachine,
        pytest.param(FolderMachine, marks=pytest.mark.soak),
        PostgresMachine,
        SqliteBucketMachine,
        PostgresBucketMachine,
    ]
)
def machine(request: pytest.FixtureRequest) -> type[PixstoreMachine]:
    kind: type[PixstoreMachine] = request.param
    if issubclass(kind, PostgresMachine):
        kind.url = request.getfixturevalue("postgres").url()
    if issubclass(kind, BucketMachine):
        kind.s3 = request.getfixturevalue("s3")
    return kind


def _in_pieces(image: bytes, piece: int) -> bytes | AsyncIterator[bytes]:
    """Return an image as bytes, or as an upload in pieces of this length."""

    async def upload() -> AsyncIterator[bytes]:
        for start in range(0, len(image), piece):
            await asyncio.sleep(0)
            yield image[start : start + piece]

    return upload() if piece else image


async def _read_some(stream: OpenStream, pieces: int) -> None:
    for _ in range(pieces):
        piece = await anext(stream.payload, None)
        if piece is None:
            return
        stream.read += piece


def _key_id_of(record: ImageRecord) -> bytes:
    return base64.b64decode(record.stateless_proof)[1:5]


def _epoch_of(record: ImageRecord) -> int:
    return int.from_bytes(base64.b64decode(record.stateless_proof)[11:15], "big")


def _decrypted(body: bytes, record: ImageRecord) -> bytes:
    decoded = decode_payload(body)
    key, iv, tag = decoded.key or record.key, decoded.iv or record.iv, decoded.tag or record.tag
    return unseal(key=key, iv=iv, tag=tag, ciphertext=decoded.ciphertext)[1]


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """Log nothing, because the captured log would keep errors and the objects in their tracebacks."""
    logger = logging.getLogger("pixstore_asgi")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def limits(examples: int, steps: int) -> settings:
    # Threads take their time: neither it nor their order can be repeated exactly, so a failure is not made smaller, and
    # is told when it happens, for what is repeated may not fail.
    return settings(
        phases=[Phase.generate],
        verbosity=Verbosity.verbose,
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.timeout(300)
def test_any_order_of_calls_keeps_to_the_model(machine: type[PixstoreMachine]) -> None:
    """Reads equal a simple model, tokens rise, open streams end with their own version, and no lease is left."""
    run_state_machine_as_test(machine, settings=limits(6, 25))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_any_long_order_of_calls_keeps_to_the_model(machine: type[PixstoreMachine]) -> None:
    """The same for many and longer runs."""
    run_state_machine_as_test(machine, settings=limits(400, 60))
