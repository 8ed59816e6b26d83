"""Embeddings are known input by input, so that a batch pays for its new ones alone.

The rule: a vector is kept as the provider wrote it, in the form that was asked for; a batch of
which nothing was known passes byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.errors import UpstreamFailed
from pipelines.events import Data, End, Flow, Head, Media
from pipelines.exchange import Exchange, Passes

FIELD = "input"
PREFIX = "input:"

Keep = Callable[[Sequence[tuple[str, bytes]]], Awaitable[None]]


class Batch:
    """One call for embeddings; `base` is the name of all that it says besides its inputs, and
    `keys` are the names of its inputs, each once."""

    __slots__ = ("_call", "_inputs", "_known", "_model", "_order", "keys")

    def __init__(self, call: Call, base: str) -> None:
        self._call = call
        inputs = inputs_of(call)
        self._order = [_named(base, one) for one in inputs]
        self._inputs = dict(zip(self._order, inputs, strict=True))
        self._known: dict[str, bytes] = {}
        self._model = call.model
        self.keys = tuple(self._inputs)

    def learn(self, values: Sequence[bytes | None], now: float, oldest: float | None) -> bool:
        """Take what is kept under the keys, not older than `oldest` seconds where that is given;
        gives whether nothing is missing."""
        for key, value in zip(self.keys, values, strict=True):
            found = None if value is None else _opened(value)
            if found is None or (oldest is not None and now - found[1] > oldest):
                continue
            self._model, self._known[key] = found[0], found[2]
        return len(self._known) == len(self.keys)

    def whole(self) -> bytes:
        """The reply to the call where nothing is missing; it cost nothing."""
        return self._reply({"prompt_tokens": 0, "total_tokens": 0})

    def rest(self) -> Call:
        """The call for what is missing."""
        missing = [one for key, one in self._inputs.items() if key not in self._known]
        if len(missing) == len(self._order):
            return self._call
        return self._call.altered({FIELD: missing})

    def around(self, passage: Passes, keep: Keep | None, now: float) -> Passes:
        """The passage of the rest, as one that gives the reply to the whole call; new vectors are
        handed to `keep`, dated `now`."""
        return _Around(passage, self, keep, now)

    async def merged(self, flow: Flow, keep: Keep | None, now: float) -> Flow:
        """The reply to the rest as that to the whole call. Raises UpstreamFailed."""
        head: Head | None = None
        pieces: list[bytes] = []
        async for event in flow:
            if type(event) is Head and event.status == 200 and event.media is Media.JSON:
                head = event
            elif head is not None and type(event) is Data:
                pieces.append(event.raw)
            elif head is not None and type(event) is End:
                new, raw = self._told(b"".join(pieces), now)
                yield head
                yield Data(raw)
                yield event
                if keep is not None and new:
                    await keep(new)
            else:
                yield event

    def _told(self, raw: bytes, now: float) -> tuple[list[tuple[str, bytes]], bytes]:
        missing = [key for key in self.keys if key not in self._known]
        alone = len(missing) == len(self._order)
        document = _document(raw)
        vectors = _vectors(document, len(missing))
        if vectors is None:
            if alone:
                return [], raw
            raise UpstreamFailed("The provider answered with another number of vectors.")
        self._model = str(document.get("model") or self._call.model)
        new = dict(zip(missing, vectors, strict=True))
        self._known.update(new)
        line = orjson.dumps([self._model, now]) + b"\n"
        kept = [(key, line + vector) for key, vector in new.items()]
        return kept, raw if alone else self._reply(document.get("usage"))

    def _reply(self, usage: object) -> bytes:
        known = self._known
        data = [
            {"object": "embedding", "index": at, "embedding": orjson.Fragment(known[key])}
            for at, key in enumerate(self._order)
        ]
        return orjson.dumps({"object": "list", "data": data, "model": self._model, "usage": usage})


class _Around:
    """The passage of a batch's rest."""

    def __init__(self, passage: Passes, batch: Batch, keep: Keep | None, now: float) -> None:
        self._passage = passage
        self._batch = batch
        self._keep = keep
        self._now = now

    def apart(
        self, after: str, exchange: Exchange | None = None, around: tuple[Any, ...] = ()
    ) -> AbstractAsyncContextManager[Flow]:
        """The run behind the stage `after`; what was branched off is no reply to the batch."""
        if exchange is not None:
            return self._passage.apart(after, exchange, around)
        return self._run(after)

    @asynccontextmanager
    async def _run(self, after: str) -> AsyncIterator[Flow]:
        async with self._passage.apart(after) as flow:
            merged = self._batch.merged(flow, self._keep, self._now)
            async with aclosing(merged):
                yield merged


def inputs_of(call: Call) -> list[Any]:
    """The inputs of the call, one of which may stand alone; a list of integers is one of tokens."""
    value = call.json[FIELD]
    if not isinstance(value, list):
        return [value]
    return [value] if value and type(value[0]) is int else value


def _named(base: str, one: Any) -> str:
    return PREFIX + hashlib.sha256(base.encode() + b"\n" + orjson.dumps(one)).hexdigest()


def _opened(value: bytes) -> tuple[str, float, bytes] | None:
    line, _, vector = value.partition(b"\n")
    try:
        model, made = orjson.loads(line)
    except ValueError:
        return None
    if not vector or not isinstance(model, str) or not isinstance(made, int | float):
        return None
    return model, float(made), vector


def _document(raw: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _vectors(document: Mapping[str, Any], count: int) -> list[bytes] | None:
    data = document.get("data")
    if not isinstance(data, list) or len(data) != count:
        return None
    found: list[bytes | None] = [None] * count
    for at, one in enumerate(data):
        vector = one.get("embedding") if isinstance(one, dict) else None
        index = one.get("index", at) if isinstance(one, dict) else None
        if not isinstance(vector, list | str) or type(index) is not int:
            return None
        if not 0 <= index < count or found[index] is not None:
            return None
        found[index] = orjson.dumps(vector)
    return [one for one in found if one is not None]
