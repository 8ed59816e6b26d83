"""The answers to POSTs that carry an `Idempotency-Key`, for those who send them once more.

The rule: what was done under a key is not done again; answers hold secrets, so they stay in this
process' memory, for a day at most, and no failure is kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from pipelines.errors import KeyReused

DAY = 86_400.0
MOST = 1_000
REPLAYED = "x-headgate-idempotent-replay"

Who = tuple[str, ...]


@dataclass(slots=True)
class _Known:
    """One POST: the digest of its body, since when it is known, and its answer (None: none)."""

    digest: bytes
    since: float
    answer: asyncio.Future[Response | None]


class Repeats:
    """Does the work of each key once; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._known: OrderedDict[Who, _Known] = OrderedDict()

    async def once(
        self, who: Who, digest: bytes, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        """The answer of the work, or that of the first time. Raises KeyReused where the key was
        another body's."""
        self._tidy()
        while True:
            known = self._known.get(who)
            if known is None:
                return await self._first(who, digest, work)
            if known.digest != digest:
                raise KeyReused
            # Whoever stops waiting leaves the answer to the others.
            answer = await asyncio.shield(known.answer)
            if answer is not None:
                headers = {**answer.headers, REPLAYED: "true"}
                return Response(answer.body, answer.status_code, headers)

    async def _first(
        self, who: Who, digest: bytes, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        future: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
        self._known[who] = _Known(digest, self._clock(), future)
        kept: Response | None = None
        try:
            answer = await work()
            # What is written while it is sent can be sent once only.
            kept = answer if type(answer) is Response and answer.status_code < 400 else None
            return answer
        finally:
            if kept is None:
                self._known.pop(who, None)
            future.set_result(kept)

    def _tidy(self) -> None:
        now = self._clock()
        while self._known:
            who, known = next(iter(self._known.items()))
            old = known.since + DAY <= now or len(self._known) > self._most
            if not old or not known.answer.done():
                return
            del self._known[who]
