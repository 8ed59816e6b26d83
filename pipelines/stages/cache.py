"""Replies that are already known, or that somebody else is waiting for.

The rule: whoever is answered from a recording pays nothing and asks no provider; a call for which
none of it is on passes untouched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Protocol

from pipelines.cache_controls import Controls
from pipelines.cache_embeddings import Batch
from pipelines.cache_policy import CachePolicy
from pipelines.cache_wishes import ASKING, Wish, wish_of
from pipelines.clock import Clock
from pipelines.conversation import Conversation
from pipelines.dialects.base import Dialect
from pipelines.dialects.forms import Rewritten, final_response, rewritten
from pipelines.dialects.numbering import Numbered
from pipelines.errors import ClientError, KeyReused, StillRunning, StreamBroken, UnknownStream
from pipelines.events import Event, Flow, Media, Proceed
from pipelines.exchange import CacheState, Exchange
from pipelines.ports import ReplyCache, Spawner
from pipelines.pump import Pump
from pipelines.recording import Recording, Stored
from pipelines.recordings import Recordings
from pipelines.replay import paced, replayed
from pipelines.replay_codec import decoded, encoded

# What was kept while we looked for it elsewhere is found by looking once more.
LOOKS = 2


class Change(Protocol):
    """Alters the events of a recording for one of its readers."""

    def take(self, event: Event) -> Sequence[Event]:
        """The events for this one."""


class Cache:
    """Answers from a kept reply or a running one, and records what others may follow."""

    name = "cache"
    needs = frozenset({"principal"})
    gives: frozenset[str] = frozenset()

    def __init__(
        self,
        policy: CachePolicy,
        recordings: Recordings,
        clock: Clock,
        dialects: Mapping[str, Dialect],
        replies: ReplyCache | None = None,
        spawner: Spawner | None = None,
    ) -> None:
        self._policy = policy
        self._recordings = recordings
        self._clock = clock
        self._dialects = dialects
        self._replies = replies
        self._spawner = spawner
        self._always = policy.enabled or policy.resumable

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises BadCall, KeyReused and UnknownStream."""
        call = exchange.call
        if not self._always and ASKING.isdisjoint(call.named):
            return proceed()
        spawner = self._spawner
        if spawner is None:
            return proceed()
        events = self._dialects[call.operation.dialect].media is Media.SSE
        wish = wish_of(exchange, self._policy, events)
        if wish is None:
            return proceed()
        return self._serve(exchange, proceed, wish, spawner)

    async def keep(self, recording: Recording) -> None:
        """Keep a whole good reply under its keys."""
        stored = recording.stored(self._clock.time()) if recording.keep_as else None
        if stored is None or self._replies is None:
            return
        for name, (ttl, digest) in tuple(recording.keep_as.items()):
            await self._replies.put(name, encoded(replace(stored, digest=digest)), ttl)

    def forget(self, recording: Recording) -> None:
        """It is over: nobody joins it any more."""
        self._recordings.end(recording, self._clock.monotonic())

    async def _serve(
        self, exchange: Exchange, proceed: Proceed, wish: Wish, spawner: Spawner
    ) -> Flow:
        source = await self._source(exchange, wish, spawner)
        changes = self._changes(exchange, wish, source)
        if isinstance(source, Stored):
            for wait, event in _timed(source, wish):
                if wait:
                    await self._clock.sleep(wait)
                for one in _changed(event, changes):
                    yield one
            return
        begun = False
        try:
            with source.follower() as follower:
                while follower.ready or await follower.more():
                    event = follower.take()
                    if not begun:
                        begun = True
                        exchange.losses = [*source.losses]
                    if not changes:
                        yield event
                        continue
                    for one in _changed(event, changes):
                        yield one
            return
        except ClientError as error:
            if exchange.outlives is not None:
                raise
            if begun:
                raise StreamBroken("The call that this one had joined was ended.") from error
        # What another caller was refused is nothing to this one.
        _answered(exchange, "miss")
        exchange.replayed, exchange.stream_id = False, ""
        async for event in proceed():
            yield event

    async def _source(self, exchange: Exchange, wish: Wish, spawner: Spawner) -> Recording | Stored:
        exchange.cache_key = wish.key
        if wish.place is not None:
            return self._resumed(exchange, wish, wish.place[0])
        for _ in range(LOOKS):
            running = self._running(exchange, wish)
            if running is not None:
                return running
            ended = self._recordings.ended
            kept = await self._kept(exchange, wish)
            if kept is not None:
                return kept
            if self._recordings.ended == ended:
                break
        return self._running(exchange, wish) or self._lead(exchange, wish, spawner)

    def _resumed(self, exchange: Exchange, wish: Wish, id: str) -> Recording:
        found = self._recordings.stream(id, exchange.principal.owner)
        if found is None or found[1] != wish.digest:
            raise UnknownStream(id)
        _answered(exchange, exchange.cache)
        exchange.stream_id = id
        return found[0]

    def _running(self, exchange: Exchange, wish: Wish) -> Recording | None:
        recordings, controls = self._recordings, wish.controls
        named = recordings.named(wish.name) if wish.name else None
        found: Recording | None = None
        if named is not None:
            found, digest = named
            if digest != wish.digest:
                raise KeyReused
            if found.overfull:
                # Its begin is gone, and to ask once more would be paid twice.
                raise StillRunning
            exchange.replayed = True
        elif controls is not None and controls.read and self._policy.join:
            found = recordings.joined(wish.key, wish.form)
        if found is not None:
            _answered(exchange, "joined")
            self._attach(exchange, wish, found)
        return found

    async def _kept(self, exchange: Exchange, wish: Wish) -> Stored | None:
        replies, controls = self._replies, wish.controls
        if replies is None:
            return None
        found: Stored | None = None
        if wish.name:
            found = await self._read(replies, wish.name, exchange, wish)
            if found is not None and found.digest != wish.digest:
                raise KeyReused
            exchange.replayed = found is not None
        if found is None and controls is not None and controls.read:
            found = await self._known(replies, exchange, wish, controls.max_age)
            if found is not None and wish.name:
                named = encoded(replace(found, digest=wish.digest))
                await replies.put(wish.name, named, self._policy.idempotency_ttl)
        if found is not None:
            _answered(exchange, "hit")
            exchange.losses = [*found.losses]
            told = exchange.call.conversation
            if told is not None and told.keeps:
                told.final = final_response(found)
        return found

    async def _known(
        self, replies: ReplyCache, exchange: Exchange, wish: Wish, oldest: float | None
    ) -> Stored | None:
        batch, now = wish.batch, self._clock.time()
        if batch is None:
            found = await self._read(replies, wish.key, exchange, wish)
            known = found is not None and (oldest is None or now - found.made <= oldest)
            return found if known else None
        if not batch.learn(await replies.many(batch.keys), now, oldest):
            return None
        dialect = exchange.call.operation.dialect
        return Stored(200, [], Media.JSON, batch.whole(), made=now, dialect=dialect)

    async def _read(
        self, replies: ReplyCache, name: str, exchange: Exchange, wish: Wish
    ) -> Stored | None:
        raw = await replies.get(name)
        found = None if raw is None else decoded(raw)
        call = exchange.call
        if found is None or found.dialect != call.operation.dialect:
            return None
        if found.form == wish.form:
            return found
        return rewritten(found, self._dialects[found.dialect], call, exchange.id, wish.form)

    def _lead(self, exchange: Exchange, wish: Wish, spawner: Spawner) -> Recording:
        dialect, now = exchange.call.operation.dialect, self._clock.monotonic()
        recording = self._recordings.begin(dialect, wish.form, now)
        recording.told = exchange.call.conversation
        controls = wish.controls
        if controls is not None:
            exchange.cache = "miss"
            if controls.store:
                if wish.batch is None:
                    recording.keep_as[wish.key] = (controls.ttl, "")
                if self._policy.join:
                    self._recordings.offer(wish.key, recording)
            if wish.batch is not None:
                self._narrow(exchange, wish.batch, controls)
        self._attach(exchange, wish, recording)
        Pump(exchange, recording, self._clock, spawner.spawn, self).start()
        return recording

    def _narrow(self, exchange: Exchange, batch: Batch, controls: Controls) -> None:
        async def keep(vectors: Sequence[tuple[str, bytes]]) -> None:
            if self._replies is not None:
                await self._replies.put_many(vectors, controls.ttl)

        passage = exchange.passage
        assert passage is not None
        store = keep if controls.store else None
        exchange.call = batch.rest()
        exchange.passage = batch.around(passage, store, self._clock.time())

    def _attach(self, exchange: Exchange, wish: Wish, recording: Recording) -> None:
        policy = self._policy
        if wish.name and wish.name not in recording.keep_as:
            recording.keep_as[wish.name] = (policy.idempotency_ttl, wish.digest)
            recording.grace = inf
            self._recordings.name(wish.name, recording, wish.digest)
        if wish.resumable:
            recording.grace = max(recording.grace, policy.resume_grace)
            self._recordings.open_to(exchange.principal.owner, wish.digest, recording)
            exchange.stream_id = recording.id

    def _changes(
        self, exchange: Exchange, wish: Wish, source: Recording | Stored
    ) -> tuple[Change, ...]:
        if isinstance(source, Stored):
            return ()
        found: list[Change] = []
        call = exchange.call
        if source.form != wish.form:
            found.append(Rewritten(self._dialects[call.operation.dialect], call, exchange.id))
        if call.conversation is not None and source.told is not call.conversation:
            found.append(_Overheard(call.conversation, source.told))
        if exchange.stream_id:
            seen = 0 if wish.place is None else wish.place[1]
            found.append(Numbered(exchange.stream_id, seen))
        return tuple(found)


class _Overheard:
    """Tells one conversation what the recorded one has heard of the reply."""

    def __init__(self, told: Conversation, recorded: Conversation | None) -> None:
        self._told = told
        self._recorded = recorded

    def take(self, event: Event) -> Sequence[Event]:
        """The event as it is."""
        told, recorded = self._told, self._recorded
        if recorded is not None:
            told.final, told.maker, told.fails = recorded.final, recorded.maker, recorded.fails
        return (event,)


def _timed(stored: Stored, wish: Wish) -> Iterable[tuple[float, Event]]:
    if wish.controls is not None and wish.controls.pacing:
        return paced(stored)
    return [(0.0, event) for event in replayed(stored)]


def _changed(event: Event, changes: Sequence[Change]) -> Sequence[Event]:
    found: Sequence[Event] = (event,)
    for change in changes:
        found = [new for old in found for new in change.take(old)]
    return found


def _answered(exchange: Exchange, state: CacheState) -> None:
    exchange.cache = state
    exchange.cached = state in ("hit", "joined")
    exchange.cost = 0 if exchange.cached or state == "bypass" else None
    exchange.cost_source = "cache" if exchange.cost == 0 else "unknown"
