"""A kept reply as the events that it was.

The rule: in its own form a reply is told byte for byte; in another one it is read and written anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.events import Data, End, Event, Head
from pipelines.recording import Stored


def replayed(stored: Stored) -> list[Event]:
    """All events at once."""
    head = Head(stored.status, stored.headers, stored.media)
    return [head, Data(stored.body), End(stored.usage)]


def paced(stored: Stored) -> Iterator[tuple[float, Event]]:
    """Each event with the seconds to wait before it."""
    yield 0.0, Head(stored.status, stored.headers, stored.media)
    before = 0.0
    for offset, piece in zip(stored.offsets, stored.pieces, strict=False):
        yield max(0.0, offset - before), Data(piece)
        before = max(before, offset)
    yield 0.0, End(stored.usage)
