"""Audience: a proof made for one session, user or tenant serves no other, alone, in a batch and at an endpoint."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from pixstore_asgi import ConfigError, ImageRecord, Pixstore, PixstoreApp, PixstoreMiddleware
from pixstore_asgi.errors import InputError
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import client
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.requests import headers
from tests.support.samples import SECRET, picture

AudienceOf = Callable[[Any], Any]


def of_header(scope: Any) -> str | None:
    """Return the visitor that a header names; stands for a session."""
    return next((value.decode() for name, value in scope["headers"] if name == b"x-visitor"), None)


async def of_header_later(scope: Any) -> str | None:
    return of_header(scope)


async def states(app: PixstoreApp, record: ImageRecord, visitor: str | None) -> tuple[int, int]:
    """Return the state that a visitor gets by a GET, and in a batch."""
    sent = headers(record) | ({} if visitor is None else {"x-visitor": visitor})
    async with client(app) as http:
        alone = await http.get(f"/{record.id}", headers=sent)
        batch = await http.post("/-/batch", content=body_of(entry_of(record)), headers=sent)
    ((_, _, body),) = frames_of(batch.content)
    return alone.content[0], body[0]


@pytest.mark.parametrize("audience", [of_header, of_header_later])
async def test_a_proof_serves_its_audience_alone(pix: Pixstore, audience: AudienceOf) -> None:
    """The visitor of the record gets the image. Another visitor, and a request without a visitor, get InvalidProof."""
    app, saved = PixstoreApp(pix, audience=audience), await pix.save_image(picture())
    record = await pix.get_image_record(saved.id, audience="ada")
    assert record is not None
    assert await states(app, record, "ada") == (0, 0)
    for other in ("bob", "Ada", "ada ", "", None):
        assert await states(app, record, other) == (5, 5)


async def test_bound_and_unbound_do_not_mix(pix: Pixstore) -> None:
    """A proof with an audience is good nowhere that none is asked for, and one without nowhere that one is."""
    saved = await pix.save_image(picture())
    bound = (await pix.get_image_records([saved.id], audience="ada"))[saved.id]
    unbound = await pix.get_image_record(saved.id)
    assert unbound is not None
    assert await states(PixstoreApp(pix), bound, "ada") == (5, 5)
    assert await states(PixstoreApp(pix), unbound, "ada") == (0, 0)
    for record in (unbound, saved):
        assert await states(PixstoreApp(pix, audience=of_header), record, "ada") == (5, 5)


@pytest.mark.parametrize("answer", [None, "", 7, True, b"ada", ["ada"], "\ud800", "a" * 65_536])
async def test_what_is_no_audience_has_no_good_proof(pix: Pixstore, answer: Any) -> None:
    """Where the function returns anything but a text of 1 to 65535 bytes, every proof is InvalidProof."""
    saved = await pix.save_image(picture())
    app = PixstoreApp(pix, audience=lambda scope: answer)
    for record in (saved, await pix.get_image_record(saved.id, audience="ada")):
        assert record is not None
        assert await states(app, record, None) == (5, 5)


async def test_an_error_in_audience_is_an_invalid_proof(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """An exception of the application's function is logged with its remedy, and no proof is good then."""
    record = await pix.save_image(picture())
    with caplog.at_level(logging.ERROR):
        assert await states(PixstoreApp(pix, audience=lambda scope: scope["session"]["id"]), record, None) == (5, 5)
    assert [entry.getMessage() for entry in caplog.records] == [
        'audience failed: no middleware has set scope["session"]; add the one that sets it after PixstoreMiddleware, '
        "or around the mount"
    ] * 2
    assert record.stateless_proof not in caplog.text


async def test_an_error_without_a_text_is_an_invalid_proof(pix: Pixstore) -> None:
    """An exception with values that can't be printed does not prevent the answer."""

    class Odd:
        def __repr__(self) -> str:
            raise ZeroDivisionError

    def audience(scope: Any) -> str:
        raise ValueError(Odd())

    assert await states(PixstoreApp(pix, audience=audience), await pix.save_image(picture()), None) == (5, 5)


async def test_a_request_without_a_proof_asks_nobody(pix: Pixstore) -> None:
    """A request without a proof gets MissingProof, and the application's audience function is not called."""
    record = await pix.save_image(picture())
    app = PixstoreApp(pix, audience=lambda scope: pytest.fail("asked"))
    async with client(app) as http:
        assert (await http.get(f"/{record.id}")).content == b"\x04"
        assert (await http.get("/")).status_code == 400
        batch = await http.post("/-/batch", content=body_of(entry_of(record, proof=None)))
        assert [body for _, _, body in frames_of(batch.content)] == [b"\x04"]


@pytest.mark.parametrize(
    ("made_for", "asked_for", "state"), [("ada", "ada", 0), ("ada", None, 5), (None, "ada", 5), ("ada", "", 5)]
)
async def test_an_endpoint_of_ones_own_names_the_audience(
    pix: Pixstore, made_for: str | None, asked_for: str | None, state: int
) -> None:
    """open_payload takes the audience of its request, and an empty one has no good proof."""
    saved = await pix.save_image(picture())
    record = await pix.get_image_record(saved.id, audience=made_for)
    assert record is not None
    async with await pix.open_payload(
        record.id, token=record.token, proof=record.stateless_proof, audience=asked_for
    ) as payload:
        assert payload.state == state


@pytest.mark.parametrize("audience", ["", "\ud800", "a" * 65_536, 7, b"ada"])
async def test_a_record_for_no_audience_is_refused(pix: Pixstore, audience: Any) -> None:
    """The audience of a record is a text of 1 to 65535 bytes, or None."""
    saved = await pix.save_image(picture())
    with pytest.raises(InputError, match="audience must be a text"):
        await pix.get_image_record(saved.id, audience=audience)
    with pytest.raises(InputError, match="audience must be a text"):
        await pix.get_image_records([saved.id], audience=audience)
    assert await pix.get_image_record(saved.id, audience="ä" * 32_767)


async def test_the_middleware_takes_it_too(pix: Pixstore) -> None:
    """PixstoreMiddleware hands the function on."""

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    saved = await pix.save_image(picture())
    record = await pix.get_image_record(saved.id, audience="ada")
    assert record is not None
    async with client(PixstoreMiddleware(inner, pix, audience=of_header)) as http:
        for visitor, state in (("ada", 0), ("bob", 5)):
            sent = headers(record) | {"x-visitor": visitor}
            assert (await http.get(f"/pixstore-image/{record.id}", headers=sent)).content[0] == state


async def test_an_update_keeps_to_the_audience(pix: Pixstore) -> None:
    """A newer version's key too goes to the proof's audience alone."""
    app, saved = PixstoreApp(pix, audience=of_header), await pix.save_image(picture())
    record = await pix.get_image_record(saved.id, audience="ada")
    assert record is not None
    await pix.update_image(saved.id, picture("webp"))
    assert await states(app, record, "ada") == (1, 1)
    assert await states(app, record, "bob") == (5, 5)


def test_an_audience_that_cannot_be_asked_is_refused() -> None:
    """An audience that is not a function, or that has no effect because proofs are not checked, is a ConfigError at
    start.
    """
    pix = Pixstore(MemoryStore(), secret=SECRET)
    with pytest.raises(ConfigError, match="audience must be a function of scope, not str"):
        PixstoreApp(pix, audience="ada")  # type: ignore[arg-type]
    unproven = Pixstore(MemoryStore(), secret=SECRET, proof_window_ms=-1)
    with pytest.raises(ConfigError, match="audience has no effect"):
        PixstoreApp(unproven, audience=of_header, allow_unproven=True)
