"""What processes tell each other of their deployments, as bytes and back.

The rule: whatever cannot be read is as if nobody had said it; how old it is shows on this process'
own clock alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from pipelines.routing.health import DEFAULT_REST, Rest
from pipelines.routing.traffic import Seen

# Who says nothing new for so long is gone, and with him his calls.
SILENT = 3.0
FORGOTTEN = 120.0
LONGEST_REASON = 300

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(slots=True)
class Figures:
    """What is known in one process: what it counts in this minute, who rests there, and which rests
    are over since when; times are in seconds since 1970."""

    minute: int
    seen: Mapping[str, Seen] = field(default_factory=dict)
    rests: Mapping[str, Rest] = field(default_factory=dict)
    over: Mapping[str, float] = field(default_factory=dict)


def packed(figures: Figures, beat: int) -> bytes:
    """The figures as bytes, which differ from those of another beat."""
    return orjson.dumps(
        {
            "beat": beat,
            "minute": figures.minute,
            "seen": {
                id: (one.in_flight, one.requests, one.tokens) for id, one in figures.seen.items()
            },
            "rests": {
                id: (one.until, one.seconds, one.reason[:LONGEST_REASON])
                for id, one in figures.rests.items()
            },
            "over": figures.over,
        }
    )


@dataclass(slots=True)
class _Peer:
    """One other process: what it said last, and when it last said something new."""

    raw: bytes
    figures: Figures
    at: float


class Peers:
    """All other processes by their names; `now` is in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._peers: dict[bytes, _Peer] = {}

    def hear(self, told: Mapping[bytes, bytes], now: float) -> list[bytes]:
        """Take what they say; gives the names of those who have been gone for long."""
        for name in self._peers.keys() - told.keys():
            del self._peers[name]
        for name, raw in told.items():
            peer = self._peers.get(name)
            if peer is None or peer.raw != raw:
                self._peers[name] = _Peer(raw, _unpacked(raw), now)
        return [name for name, one in self._peers.items() if now > one.at + FORGOTTEN]

    def seen(self, minute: int, now: float) -> dict[str, Seen]:
        """What all of them together count; calls of those who are gone are in flight no more."""
        found: dict[str, Seen] = {}
        for peer in self._peers.values():
            alive, current = now <= peer.at + SILENT, peer.figures.minute == minute
            for id, one in peer.figures.seen.items():
                total = found.setdefault(id, Seen())
                total.in_flight += one.in_flight if alive else 0
                total.requests += one.requests if current else 0
                total.tokens += one.tokens if current else 0
        return found

    def rests(self, known: frozenset[str]) -> dict[str, Rest]:
        """Of these deployments the rests that end last."""
        found: dict[str, Rest] = {}
        for id, rest in self._all_rests():
            if id in known and (id not in found or found[id].until < rest.until):
                found[id] = rest
        return found

    def over(self, known: frozenset[str]) -> dict[str, float]:
        """Of these deployments when a rest was last found to be over."""
        found: dict[str, float] = {}
        for peer in self._peers.values():
            for id, at in peer.figures.over.items():
                if id in known:
                    found[id] = max(at, found.get(id, 0.0))
        return found

    def _all_rests(self) -> Iterable[tuple[str, Rest]]:
        for peer in self._peers.values():
            yield from peer.figures.rests.items()


def _unpacked(raw: bytes) -> Figures:
    try:
        told = orjson.loads(raw)
        return Figures(
            minute=int(told["minute"]),
            seen={id: Seen(int(a), int(b), int(c)) for id, (a, b, c) in told["seen"].items()},
            rests={
                id: Rest(float(until), str(reason), float(seconds or DEFAULT_REST))
                for id, (until, seconds, reason) in told["rests"].items()
            },
            over={id: float(at) for id, at in told["over"].items()},
        )
    except _UNREADABLE:
        return Figures(-1)
