"""Places for pictures that are decoded at the same time, and the order of turns."""

import asyncio

import pytest

from pixstore_asgi.decoding import places
from pixstore_asgi.decoding.places import LAST, Places


class Pictures:
    """Pictures that take their turns, each until it is told to end; `log` tells in which order."""

    def __init__(self, count: int) -> None:
        self.places = Places(count)
        self.log: list[str] = []

    async def decode(self, name: str, ends: asyncio.Event | None = None) -> None:
        turns = 0
        while True:
            await self.places.take(turns)
            self.log.append(f"{name} {turns}")
            try:
                async with asyncio.timeout(None) as end:
                    with self.places.turn(turns, end):
                        if ends:
                            await ends.wait()
                        return
            except TimeoutError:
                turns += 1
            finally:
                self.places.give_back()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_picture_that_takes_long_lets_others_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """When its turn is over and others wait, it starts anew behind all of them, and then runs to its end."""
    monkeypatch.setattr(places, "FIRST_TURN_S", 0)
    pictures, ends = Pictures(1), asyncio.Event()
    slow = asyncio.create_task(pictures.decode("slow", ends))
    await settled()
    assert not slow.done()  # alone it goes on
    await asyncio.wait_for(asyncio.gather(*(pictures.decode(name) for name in "abc")), 10)
    await settled()
    assert pictures.log == ["slow 0", "a 0", "b 0", "c 0", "slow 1"]
    ends.set()
    await asyncio.wait_for(slow, 10)


async def test_only_as_many_turns_end_as_pictures_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture that waits takes one place, that of the turn that is over first."""
    monkeypatch.setattr(places, "FIRST_TURN_S", 0)
    pictures, ends = Pictures(3), asyncio.Event()
    slow = [asyncio.create_task(pictures.decode(name, ends)) for name in "xyz"]
    await settled()
    await asyncio.wait_for(pictures.decode("a"), 10)
    await settled()
    assert pictures.log == ["x 0", "y 0", "z 0", "a 0", "x 1"]
    ends.set()
    await asyncio.gather(*slow)


async def test_a_turn_ends_for_none_that_had_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture in its first turn keeps its place while one waits that had a turn before, and to the closing end."""
    monkeypatch.setattr(places, "FIRST_TURN_S", 0)
    pictures, ends = Pictures(1), asyncio.Event()
    fresh = asyncio.create_task(pictures.decode("fresh", ends))
    await settled()
    waiting = [asyncio.create_task(pictures.places.take(turns)) for turns in (LAST, 1)]
    await settled()
    assert pictures.log == ["fresh 0"]
    ends.set()
    await fresh
    await waiting[1]
    assert not waiting[0].done()
    pictures.places.give_back()
    await waiting[0]


@pytest.mark.parametrize("is_given", [False, True])
async def test_a_place_is_not_lost(is_given: bool) -> None:
    """One that no longer waits takes no place, also if it was given one at the same moment."""
    pictures = Pictures(1)
    await pictures.places.take(0)
    gone, next_one = (asyncio.create_task(pictures.places.take(0)) for _ in range(2))
    await settled()
    if is_given:
        pictures.places.give_back()
    gone.cancel()
    if not is_given:
        pictures.places.give_back()
    await asyncio.wait_for(next_one, 10)
    pictures.places.give_back()
    await asyncio.wait_for(pictures.places.take(0), 10)
    assert not pictures.places._free
