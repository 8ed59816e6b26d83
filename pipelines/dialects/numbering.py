"""Server-sent events with an id each, so that a client can say up to where it has come.

The rule: the ids are the stream's name and the event's number from one on, whatever the pieces were
in which the events came; nothing else of an event changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.dialects.sse import events
from pipelines.events import Data, Event


class Numbered:
    """Puts the ids of the stream into its events, and leaves out the first `seen`."""

    def __init__(self, stream: str, seen: int = 0) -> None:
        self._prefix = f"id: {stream}:".encode()
        self._seen = seen
        self._number = 0

    def take(self, event: Event) -> Sequence[Event]:
        """The events for this one."""
        if type(event) is not Data:
            return [event]
        parts: list[bytes] = []
        for begin, end in events(event.raw):
            self._number += 1
            if self._number > self._seen:
                parts += (self._prefix, b"%d\n" % self._number, event.raw[begin:end])
        return [Data(b"".join(parts))] if parts else []
