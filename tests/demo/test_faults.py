"""Faults that the page may ask for, seen from the API."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio.lowlevel
import httpx
import pytest

from pixstore_asgi import ImageRecord, Pixstore, StoreError
from pixstore_asgi.demo.app import Background
from pixstore_asgi.demo.faults import Faults
from tests.demo.asgi import (
    PICTURES,
    RECORDS,
    batch_of,
    demo_client,
    entries_of,
    first_id,
    headers_of,
    listed_ids,
    painted,
    payload_of,
    until,
)
from tests.support.samples import SECRET, picture

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("painted_once")]

TRUNCATION, RESTART = "/api/faults/truncation", "/api/faults/restart"


@pytest.fixture
async def stored(tmp_path: Path, painted_once: None) -> AsyncIterator[httpx.AsyncClient]:
    """A demo on a SQLite file, with short restarts."""
    async with demo_client(Pixstore(tmp_path / "pixstore.db", secret=SECRET), outage_s=0.2) as client:
        yield client


async def test_truncation_halves_the_next_body_and_no_other(client: httpx.AsyncClient) -> None:
    """The body that was asked for comes short under a length that fits; the ones before, beside and after are whole."""
    first, second = (await listed_ids(client))[:2]
    whole = (await payload_of(client, first)).content
    assert (await client.post(TRUNCATION, params={"id": first})).status_code == 204
    beside = await payload_of(client, second)
    halved = await payload_of(client, first)
    assert halved.content == whole[: (len(whole) + 1) // 2]
    assert halved.headers["content-length"] == str(len(halved.content))
    assert int(beside.headers["content-length"]) == len(beside.content)
    assert (await payload_of(client, first)).content == whole


async def test_truncation_halves_a_body_in_a_batch(client: httpx.AsyncClient) -> None:
    """In a batch the frame of the cut body fits it, and those beside it and after it are whole."""
    ids = (await listed_ids(client))[:3]
    whole = await batch_of(client, *ids)
    await client.post(TRUNCATION, params={"id": ids[1]})
    assert await batch_of(client, *ids) == [whole[0], whole[1][: (len(whole[1]) + 1) // 2], whole[2]]
    assert await batch_of(client, *ids) == whole


async def test_truncation_waits_for_a_body_with_an_image(client: httpx.AsyncClient) -> None:
    """A refusal and a HEAD are no body to be cut."""
    image_id = await first_id(client)
    (entry,) = await entries_of(client, image_id)
    headers = headers_of(ImageRecord.parse(entry["record"]))
    whole = (await client.get(f"/images/{image_id}", headers=headers)).content
    await client.post(TRUNCATION, params={"id": image_id})
    assert (await client.get(f"/images/{image_id}")).headers["x-pixstore-state"] == "MissingProof"
    answer = await client.head(f"/images/{image_id}", headers=headers)
    assert answer.headers["content-length"] == str(len(whole))
    assert len((await payload_of(client, image_id)).content) == (len(whole) + 1) // 2


async def test_restart_refuses_everything_and_forgets_nothing(stored: httpx.AsyncClient) -> None:
    """While the store is closed every call is 503; afterwards pictures, session and the records of before are good."""
    ids = await listed_ids(stored)
    (entry,) = await entries_of(stored, ids[0])
    headers = headers_of(ImageRecord.parse(entry["record"]))
    assert (await stored.post(RESTART)).status_code == 202
    refused = [
        await stored.get(PICTURES),
        await stored.get(RECORDS, params={"id": ids}),
        await stored.post(PICTURES, content=picture()),
        await stored.get(f"/images/{ids[0]}", headers=headers),
        await stored.post("/images/-/batch", json={"images": [{"id": ids[0]}]}),
        await stored.post(RESTART),
    ]
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["cache-control"] for answer in refused} == {"no-store"}
    assert (await stored.get("/")).status_code == 200
    assert await painted(stored) == ids
    answer = await stored.get(f"/images/{ids[0]}", headers=headers)
    assert answer.headers["x-pixstore-state"] == "Success"


async def test_restart_really_closes_the_store(tmp_path: Path) -> None:
    """During the outage the Pixstore itself refuses to work; a shutdown in the middle of it leaves nothing open."""
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as pix:
        record = await pix.save_image(picture())
        faults = Faults(pix, outage_s=60)

        async def is_closed() -> bool:
            try:
                return not await pix.image_exists(record.id)
            except StoreError:
                return True

        assert faults.begin_outage()
        assert not faults.begin_outage()
        async with Background() as background:
            background.start(faults.restart())
            await until(is_closed)
        assert not await is_closed()
        assert faults.begin_outage()


@pytest.mark.slow
async def test_a_shutdown_at_any_moment_of_a_restart_leaves_the_store_open(tmp_path: Path) -> None:
    """If the server stops at any point of the closing, the store is open again for the last close."""
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as pix:
        record = await pix.save_image(picture())
        for moments in range(40):
            async with Background() as background:
                background.start(Faults(pix, outage_s=60).restart())
                for _ in range(moments):
                    await anyio.lowlevel.checkpoint()
            assert await pix.image_exists(record.id)


async def test_failure_in_the_background_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A background task that fails leaves its error in the log."""

    async def fail() -> None:
        raise StoreError("the disk is full")

    async def is_logged() -> bool:
        return bool(caplog.records)

    async with Background() as background:
        background.start(fail())
        await until(is_logged)
    assert "the disk is full" in caplog.text


@pytest.mark.slow
async def test_painting_waits_for_the_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A restart while pictures are being painted costs none of them."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    async with demo_client(pix, pictures=10, outage_s=0.3) as client:
        await client.post(RESTART)
        assert len(await painted(client)) == 10
    assert caplog.records == []
