"""Reads prompts and answers of calls that are over, for those journals that keep them.

The rule: in its own time, one call after the other; where too many wait, a record goes on without
its texts, never is it lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock

from pipelines.call import Call
from pipelines.dialects.base import Dialect
from pipelines.dialects.heard import Heard
from pipelines.dialects.shape import MISSHAPEN
from pipelines.events import Media
from pipelines.exchange import Exchange
from pipelines.kept_text import prompt_of
from pipelines.output import generates
from pipelines.ports import Beginnings, Hearing, Journal
from pipelines.privacy import TextPolicy
from pipelines.record import Record
from proxy.telemetry.logging import get_logger

MOST_WAITING = 1_000
MOST_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class _Waiting:
    record: Record
    call: Call
    heard: Heard | None


class Texts:
    """Knows whose texts are kept. Each record goes to `plain` at once and without them, and to
    `keeping` with them; `dropped` counts those that went on without, `waiting` those to come."""

    def __init__(
        self,
        policy: TextPolicy,
        plain: Journal,
        keeping: Journal,
        dialects: Mapping[str, Dialect],
        beginnings: Beginnings | None = None,
    ) -> None:
        self._beginnings = beginnings
        self._policy = policy
        self._plain = plain
        self._keeping = keeping
        self._dialects = dialects
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._full = False
        self._reading = Lock()
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many records wait for their texts."""
        return len(self._queue)

    def hear(self, exchange: Exchange, media: Media | None) -> Hearing | None:
        """Who listens to this call, which answers in this form (None: not at all); None where its
        texts are not kept."""
        principal, call = exchange.known_principal, exchange.call
        if principal is None or not self._policy.wants(call, principal):
            return None
        if media is None or media is Media.BINARY or not generates(call):
            return _Call(self, call, None)
        return _Call(self, call, Heard(self._dialects[call.operation.dialect], media))

    def put(self, record: Record, call: Call, heard: Heard | None) -> None:
        """Take the record; never blocks and never raises."""
        self._plain.put(record)
        if len(self._queue) >= MOST_WAITING or self._bytes >= MOST_BYTES:
            self.dropped += 1
            if not self._full:
                self._full = True
                get_logger(__name__).warning("prompts and answers are dropped: too many wait")
            self._keeping.put(record)
            return
        if self._beginnings is not None:
            # Were the process killed now, the record would have to do without its texts.
            self._beginnings.begin(record)
        self._queue.append(_Waiting(record, call, heard))
        self._bytes += len(call.raw)
        self._some.set()

    async def run(self) -> None:
        """Read the texts of what comes, until it is cancelled."""
        while True:
            await self._some.wait()
            while self._queue:
                one = self._queue[0]
                self._hand_on(one, *await asyncio.to_thread(self._read, one))
            self._some.clear()
            self._full = False

    def close(self) -> None:
        """Hand on what still waits; afterwards it is not to be run any more."""
        while self._queue:
            one = self._queue[0]
            self._hand_on(one, *self._read(one))

    def _read(self, one: _Waiting) -> tuple[str | None, str | None]:
        redaction = self._policy.redaction
        # A thread whose task was cancelled may still be at it.
        with self._reading:
            try:
                body = one.call.parsed
                prompt = None if body is None else prompt_of(body, redaction)
                return prompt, None if one.heard is None else one.heard.told(redaction)
            except MISSHAPEN as error:
                get_logger(__name__).warning("texts cannot be read", error=type(error).__name__)
                return None, None

    def _hand_on(self, one: _Waiting, prompt: str | None, answer: str | None) -> None:
        self._queue.popleft()
        self._bytes -= len(one.call.raw)
        self._keeping.put(replace(one.record, prompt=prompt, answer=answer))


class _Call:
    """Listens to one call."""

    __slots__ = ("_call", "_heard", "_texts", "take")

    def __init__(self, texts: Texts, call: Call, heard: Heard | None) -> None:
        self._texts, self._call, self._heard = texts, call, heard
        self.take = _nothing if heard is None else heard.take

    def put(self, record: Record) -> None:
        self._texts.put(record, self._call, self._heard)


def _nothing(raw: bytes) -> None:
    pass
