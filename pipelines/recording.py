"""One reply as it was sent, for all who may follow it.

The rule: a recording is the events of one reply in the client's dialect, written by one and read by
any number from its start, while it is still being written; only a complete one may be kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar

from pipelines.conversation import Conversation
from pipelines.events import Data, End, Event, Head, Headers, Media
from pipelines.usage import NO_USAGE, Usage

# A reader that is behind gets what has come meanwhile in one piece of about this size.
CATCH_UP = 64 * 1024
# Past the bound, this many events may wait for the slowest reader.
AHEAD = 16

Fault = TypeVar("Fault", bound=BaseException)


@dataclass(slots=True)
class Stored:
    """A complete recording as it is kept: `body` is that of all its events, `sizes` how long each
    piece of it was, `offsets` when each came, in seconds from the head; `made` is in seconds since
    1970. `form` is the one that its call asked for, `digest` that of the body it answered.
    """

    status: int
    headers: Headers
    media: Media
    body: bytes
    sizes: Sequence[int] = ()
    offsets: Sequence[float] = ()
    made: float = 0.0
    dialect: str = ""
    digest: str = ""
    form: str = "whole"
    usage: Usage = NO_USAGE
    losses: Sequence[str] = ()

    @property
    def pieces(self) -> list[bytes]:
        """The body as it came."""
        found: list[bytes] = []
        at = 0
        for size in self.sizes or (len(self.body),):
            found.append(self.body[at : at + size])
            at += size
        return found


@dataclass(slots=True)
class Room:
    """How many bytes of recordings may be in memory together, and how many are."""

    limit: int
    used: int = 0


@dataclass(slots=True, eq=False)
class Recording:
    """The events of one reply, from the first on, until `over`; `limit` bounds their bytes.

    `id` is the stream's own name, `form` what its call asked for, `key` that by which others may
    join it. `keep_as` are the keys that it is kept under when it is complete, each with its seconds
    and the digest of the body that it answers; `owners` are those who may go on with it. It goes on
    for `grace` seconds without a reader. A `private` one is for its readers alone.
    """

    id: str
    dialect: str
    form: str
    limit: int
    room: Room
    events: list[Event] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)
    size: int = 0
    over: bool = False
    ended: bool = False
    overfull: bool = False
    private: bool = False
    fault: BaseException | None = None
    key: str = ""
    grace: float = 0.0
    keep_as: dict[str, tuple[float, str]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    losses: Sequence[str] = ()
    told: Conversation | None = None
    abandoned: Callable[[], None] | None = None
    _begun: float = 0.0
    _dropped: int = 0
    _followers: dict[Follower, None] = field(default_factory=dict)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _space: asyncio.Future[None] | None = None

    @property
    def readers(self) -> int:
        """How many follow it now."""
        return len(self._followers)

    @property
    def joinable(self) -> bool:
        """Whether somebody may still follow it from its start."""
        return not self.overfull and not self.private and self.fault is None

    def write(self, event: Event, now: float) -> None:
        """Put the next event down, at `now` monotonic seconds, and wake those who wait for it."""
        if type(event) is Data:
            if not self.overfull:
                self._count(len(event.raw), now)
        elif type(event) is Head:
            self._begun = now
        else:
            self.ended = True
        self.events.append(event)
        if self._waiting:
            self._wake()

    def close(self, fault: BaseException | None = None) -> None:
        """Nothing comes any more; whoever reads it to here meets the fault, if there is one."""
        if not self.over:
            self.over = True
            if not self.ended:
                self.fault = fault or self.fault
            self._wake()

    def release(self) -> None:
        """Its bytes count no longer; nobody new will find it."""
        self.room.used -= self.size
        self.size = 0

    async def space(self) -> None:
        """Return when the slowest reader is near; at once while all fits into the bound."""
        while self.overfull and self._followers and self._behind() > AHEAD:
            self._space = asyncio.get_running_loop().create_future()
            await self._space

    def follower(self) -> Follower:
        """A reader from the first event on; use it as a context manager."""
        return Follower(self)

    def stored(self, made: float) -> Stored | None:
        """What is to be kept of it, or None where it is not a whole good reply; `made` in seconds
        since 1970."""
        if not self.ended or self.overfull or self.private:
            return None
        head, *rest = self.events
        if type(head) is not Head or not 200 <= head.status < 300:
            return None
        pieces = [event.raw for event in rest if type(event) is Data]
        end = rest[-1]
        return Stored(
            status=head.status,
            headers=[one for one in head.headers if one[0] == b"content-type"],
            media=head.media,
            body=b"".join(pieces),
            sizes=[len(piece) for piece in pieces],
            offsets=self.offsets,
            made=made,
            dialect=self.dialect,
            form=self.form,
            usage=end.usage if type(end) is End else NO_USAGE,
            losses=self.losses,
        )

    def _count(self, size: int, now: float) -> None:
        self.size += size
        self.room.used += size
        self.offsets.append(now - self._begun)
        if self.size > self.limit or self.room.used > self.room.limit:
            self.overfull = True

    def _behind(self) -> int:
        last = self._dropped + len(self.events)
        return last - min(one.at for one in self._followers)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def _enter(self, follower: Follower) -> None:
        self._followers[follower] = None

    def _leave(self, follower: Follower) -> None:
        self._followers.pop(follower, None)
        self._trim()
        if not self._followers and not self.ended and not self.over and self.abandoned is not None:
            self.abandoned()

    def _trim(self) -> None:
        """Drop what all have read, where it does not fit, and let the writer go on."""
        if not self.overfull:
            return
        read = min((one.at for one in self._followers), default=self._dropped + len(self.events))
        if read > self._dropped:
            del self.events[: read - self._dropped]
            self._dropped = read
        if self._space is not None and not self._space.done():
            self._space.set_result(None)


class Follower:
    """One reader of a recording.

    Ask for the next event with `ready or await more()`, and take it with `take()`.
    """

    __slots__ = ("_recording", "at")

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.at = 0

    def __enter__(self) -> Follower:
        self._recording._enter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._recording._leave(self)

    @property
    def ready(self) -> bool:
        """Whether there is an event to take now."""
        recording = self._recording
        return self.at < recording._dropped + len(recording.events)

    async def more(self) -> bool:
        """Wait for an event; False where the recording is over. Raises a copy of its fault."""
        recording = self._recording
        while not self.ready:
            if recording.over:
                if recording.fault is not None:
                    raise twin(recording.fault)
                return False
            news = asyncio.get_running_loop().create_future()
            recording._waiting.append(news)
            await news
        return True

    def take(self) -> Event:
        """The next event; the pieces that have come meanwhile are one."""
        recording = self._recording
        at = self.at - recording._dropped
        events = recording.events
        event = events[at]
        at += 1
        if type(event) is Data and at < len(events) and type(events[at]) is Data:
            event, at = _caught_up(events, at - 1)
        self.at = at + recording._dropped
        if recording.overfull:
            recording._trim()
        return event


def _caught_up(events: list[Event], at: int) -> tuple[Event, int]:
    pieces: list[bytes] = []
    size = 0
    while at < len(events) and size < CATCH_UP:
        event = events[at]
        if type(event) is not Data:
            break
        pieces.append(event.raw)
        size += len(event.raw)
        at += 1
    return Data(b"".join(pieces)), at


def twin(error: Fault) -> Fault:
    """A copy of an error, so that each of several readers may raise it."""
    kind = type(error)
    # Not copy.copy: it would call the constructor with the finished sentence.
    other = kind.__new__(kind, *error.args)
    other.args = error.args
    other.__dict__.update(error.__dict__)
    return other
