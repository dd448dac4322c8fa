"""Two worker processes of one server on one database: each takes the other's proofs, and updates hide no image."""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import ImageRecord, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.support.paths import ROOT
from tests.support.samples import large_png, picture
from tests.support.servers import SERVERS, Server, running

pytestmark = pytest.mark.servers
LENGTHS = [
    pytest.param(100, 5, id="short"),
    pytest.param(600, 50, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
]


@pytest.fixture(autouse=True)
def no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers find their secret in the key file."""
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)


@contextlib.contextmanager
def two_workers(server: str, folder: Path, *, blobs: bool) -> Iterator[Server]:
    """Run tests.stress.server_app under a server with two worker processes until the block ends.

    blobs: keep long bodies in files.
    """
    environment = {"PIXSTORE_TEST_DB": str(folder / "pixstore.db")}
    if blobs:
        environment["PIXSTORE_TEST_BLOBS"] = str(folder / "bodies")
    app = "tests.stress.server_app:app"
    with running(server, app, folder, cwd=ROOT, workers=2, environment=environment) as served:
        yield served


class Client:
    """Sends each request over a connection of its own, so that either worker may take it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def record(self, method: str, path: str, image: bytes | None = None) -> tuple[ImageRecord, str]:
        """Save, update or look up; return the record and the process that issued it."""
        answer = await self._http.request(method, path, content=image)
        assert answer.is_success, f"{method} {path}: {answer.status_code}"
        return ImageRecord.parse(answer.json()), answer.headers["x-process"]

    async def image(self, record: ImageRecord) -> tuple[bytes, str, str]:
        """Return the image that a record brings, the state of the answer and the process that gave it."""
        headers = {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}
        answer = await self._http.get(f"/pixstore-image/{record.id}", headers=headers)
        state = answer.headers["x-pixstore-state"]
        assert state in ("Success", "Updated"), f"the proof of {record!r} was answered with {state}"
        payload = decode_payload(answer.content)
        key, iv, tag = payload.key or record.key, payload.iv or record.iv, payload.tag or record.tag
        return unseal(key=key, iv=iv, tag=tag, ciphertext=payload.ciphertext)[1], state, answer.headers["x-process"]


async def exchange_proofs(client: Client, wanted: int) -> Counter[tuple[str, str]]:
    """Have images served until `wanted` proofs were taken by a process other than their issuer; count by both."""
    taken: Counter[tuple[str, str]] = Counter()

    async def exchange(seed: int) -> None:
        image = picture(seed=seed)
        saved = await client.record("POST", "/images", image)
        looked_up = await client.record("GET", f"/images/{saved[0].id}")
        for record, issuer in (saved, looked_up):
            for _ in range(2):
                served, state, process = await client.image(record)
                assert (served, state) == (image, "Success")
                taken[issuer, process] += 1

    while sum(count for (issuer, process), count in taken.items() if issuer != process) < wanted:
        assert taken.total() < 50 * wanted, f"one worker answers nearly everything: {taken}"
        await asyncio.gather(*(exchange(seed) for seed in range(8)))
    return taken


async def update_at_once(client: Client, rounds: int) -> None:
    """Update one image three times at once, read meanwhile, and check the final state."""
    record, _ = await client.record("POST", "/images", picture())
    path, newest = f"/images/{record.id}", picture()
    for number in range(1, rounds + 1):
        images = [picture(seed=number), large_png(300_000 + number), large_png(1_300_000 + number)]
        random.shuffle(images)
        updating = asyncio.gather(*(client.record("PUT", path, image) for image in images))
        read = [(await client.image(record))[0] for _ in range(3)]
        assert all(image in (newest, *images) for image in read)
        by_token = {updated.token: image for (updated, _), image in zip(await updating, images, strict=True)}
        assert len(by_token) == len(images)
        assert min(by_token) > record.token
        newest = by_token[max(by_token)]
        for _ in range(4):
            record, _ = await client.record("GET", path)
            assert record.token == max(by_token)
            assert (await client.image(record))[:2] == (newest, "Success")


async def exchange_and_update(url: str, proofs: int, rounds: int) -> Counter[tuple[str, str]]:
    each_anew = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, limits=each_anew, timeout=60) as http:
        taken = await exchange_proofs(Client(http), proofs)
        await update_at_once(Client(http), rounds)
    return taken


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("proofs", "rounds"), LENGTHS)
@pytest.mark.parametrize("blobs", [False, pytest.param(True, id="files", marks=pytest.mark.soak)])
def test_two_workers_are_one_service(tmp_path: Path, server: str, proofs: int, rounds: int, blobs: bool) -> None:
    """No worker refuses the other's proofs, and an image updated three times at once is always there, the last one."""
    with two_workers(server, tmp_path, blobs=blobs) as running:
        taken = asyncio.run(exchange_and_update(running.url, proofs, rounds))
        code = running.stop(timeout_s=30)
    print(f"\n{server}: proofs by issuer and verifier {dict(taken)}, {rounds} rounds of three updates")
    assert len({issuer for issuer, _ in taken}) == 2
    assert code in (0, -signal.SIGTERM, 128 + signal.SIGTERM), running.log
    assert "Traceback" not in running.log
