"""Gathers reads: requests that arrive while one query runs wait, and the next query reads the rows of all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy

from ...core.images import StoredImage
from ...errors import StoreDamaged

_MOST_TOGETHER = 1000

Answer = asyncio.Future[StoredImage | None]
ReadMany = Callable[[Sequence[str]], Awaitable[dict[str, StoredImage]]]


class GatheredReads:
    """Reads single rows with few queries, one query at a time.

    Each query starts after the requests that it answers, so a row is never older than its request. read_many: reads
    rows by their ids, as one snapshot.
    """

    def __init__(self, read_many: ReadMany) -> None:
        self._read_many = read_many
        self._waiting: dict[str, list[Answer]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def get(self, image_id: str) -> StoredImage | None:
        """Return one image, or None. Raises StoreError."""
        answer: Answer = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(image_id, []).append(answer)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def _ask(self) -> None:
        try:
            while self._waiting:
                await self._answer(self._take())
        finally:
            self._asking = None

    def _take(self) -> dict[str, list[Answer]]:
        ids = list(self._waiting)[:_MOST_TOGETHER]
        return {image_id: self._waiting.pop(image_id) for image_id in ids}

    async def _answer(self, asked: dict[str, list[Answer]]) -> None:
        try:
            await self._tell(asked)
        except Exception as error:
            for answer in _unanswered(asked.values()):
                answer.set_exception(copy(error))  # one each: a traceback shows values of all callers that raised it
        except BaseException:
            for answer in _unanswered(asked.values()):
                answer.cancel()
            raise

    async def _tell(self, asked: dict[str, list[Answer]]) -> None:
        try:
            images = await self._read_many(list(asked))
        except StoreDamaged:
            if len(asked) == 1:
                raise
            for half in _halves(asked):  # so that only requests for the damaged row fail
                await self._answer(half)
            return
        for image_id, answers in asked.items():
            for answer in _unanswered([answers]):
                answer.set_result(images.get(image_id))


def _halves(asked: dict[str, list[Answer]]) -> list[dict[str, list[Answer]]]:
    ids = list(asked)
    middle = len(ids) // 2
    return [{image_id: asked[image_id] for image_id in half} for half in (ids[:middle], ids[middle:])]


def _unanswered(asked: Iterable[list[Answer]]) -> list[Answer]:
    return [answer for answers in asked for answer in answers if not answer.done()]
