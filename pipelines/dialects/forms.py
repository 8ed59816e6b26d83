"""A reply in the other form of its own dialect: whole for streamed, streamed for whole.

The rule: what was said stays the same, and so does its id; usage that the one form left out is
added where the other tells it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deltas import Consumed, Delta
from pipelines.dialects.base import Dialect
from pipelines.dialects.bridge import Bridge, Interpreter
from pipelines.dialects.sse import data_of, events
from pipelines.errors import GatewayError
from pipelines.events import Data, End, Event, Head, Media
from pipelines.recording import Stored
from pipelines.usage import NO_USAGE, Usage

TITLE = "The recording"


class Accounted:
    """An interpreter of replies that do not tell their usage themselves; it is known from them who
    recorded them."""

    def __init__(self, reader: Interpreter) -> None:
        self._reader = reader
        self._told = False
        self.usage = NO_USAGE

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What the message means. Raises what the reader raises."""
        return self._heard(self._reader.event(name, value))

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises what the reader raises."""
        return self._completed(self._heard(self._reader.document(value)))

    def end(self, done: bool) -> list[Delta]:
        """What the end means, and the usage that nobody told."""
        return self._completed(self._heard(self._reader.end(done)))

    def _heard(self, deltas: list[Delta]) -> list[Delta]:
        self._told = self._told or any(type(one) is Consumed for one in deltas)
        return deltas

    def _completed(self, deltas: list[Delta]) -> list[Delta]:
        if self._told or self.usage is NO_USAGE:
            return deltas
        return [*deltas, Consumed(self.usage)]


class Rewritten:
    """Writes the events of one reply anew, in the form that this call asks for; `id` serves where
    the reply has none."""

    def __init__(self, dialect: Dialect, call: Call, id: str) -> None:
        self._dialect = dialect
        self._call = call
        self._id = id
        self._reader = Accounted(dialect.interpreter(TITLE))
        self._bridge: Bridge | None = None

    def take(self, event: Event) -> Sequence[Event]:
        """The events for this one. Raises UpstreamError where the reply makes no sense."""
        if type(event) is Head:
            return [self.head(event)]
        if type(event) is Data:
            raw = self.read(event.raw)
            return [Data(raw)] if raw else []
        tail = self.tail(event.usage if type(event) is End else NO_USAGE)
        return [Data(tail), event] if tail else [event]

    def head(self, head: Head) -> Head:
        """The head of the new form, for this one of the old; it comes first."""
        frames = self._dialect.frames(head.media) if head.media.streams else None
        writer = self._dialect.writer(self._call, self._id)
        self._bridge = Bridge(TITLE, self._reader, frames, writer, 0)
        media = self._dialect.media if self._call.streaming else Media.JSON
        return Head(head.status, [], media)

    def read(self, raw: bytes) -> bytes:
        """The new bytes for these, which may be none. Raises UpstreamError."""
        bridge = self._bridge
        assert bridge is not None
        written = bridge.watch(raw)
        if bridge.fault is not None:
            raise bridge.fault
        return written

    def tail(self, usage: Usage) -> bytes:
        """The bytes that end it; `usage` is what it consumed. Raises UpstreamError."""
        assert self._bridge is not None
        self._reader.usage = usage
        return self._bridge.close()


def rewritten(stored: Stored, dialect: Dialect, call: Call, id: str, form: str) -> Stored | None:
    """A kept reply in the form that this call asks for, or None where it makes no sense in it."""
    change = Rewritten(dialect, call, id)
    media = change.head(Head(stored.status, [], stored.media)).media
    pieces: list[bytes] = []
    offsets: list[float] = []
    try:
        for offset, piece in zip(stored.offsets, stored.pieces, strict=False):
            pieces.append(change.read(piece))
            offsets.append(offset)
        pieces.append(change.tail(stored.usage))
        offsets.append(offsets[-1] if offsets else 0.0)
    except GatewayError:
        return None
    return replace(
        stored,
        media=media,
        headers=[],
        body=b"".join(pieces),
        sizes=[len(piece) for piece in pieces],
        offsets=offsets,
        form=form,
    )


def final_response(stored: Stored) -> Mapping[str, Any] | None:
    """The finished response in a kept reply of the Responses API; None where there is none."""
    if stored.media is Media.JSON:
        return _object(stored.body)
    for begin, end in reversed(list(events(stored.body))):
        value = _object(data_of(stored.body[begin:end]) or b"")
        response = value.get("response") if value is not None else None
        if isinstance(response, dict):
            return response
    return None


def _object(raw: bytes) -> Mapping[str, Any] | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
