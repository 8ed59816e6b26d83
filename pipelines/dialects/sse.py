"""Server-sent events: where one ends and the next begins.

The rule: bytes are cut at event boundaries and never changed; a line may end in LF, CRLF or CR, and
a cut may fall anywhere (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_EVENT = 8 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_BOUNDARIES = (b"\n\n", b"\n\r\n", b"\r\r")
_LONGEST_BOUNDARY = 3
_EVENT = re.compile(rb"\n\n+")
_ANY_EVENT = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)+")
_LINES = re.compile(rb"\r\n|\n|\r")


class EventTooLong(Exception):
    """One event is over the limit of 8 MiB."""


class Framer:
    """Hands on whole events and keeps what is still incomplete."""

    __slots__ = ("_edge", "_kept", "_size")

    def __init__(self) -> None:
        # In the pieces as they came: an event that never ends must not be copied at every read.
        self._kept: list[bytes] = []
        self._edge = b""
        self._size = 0

    def feed(self, raw: bytes) -> bytes:
        """The whole events so far, as one piece: the very same object where it ends in a boundary
        and nothing was kept. Raises EventTooLong."""
        if not self._kept and raw.endswith((b"\n\n", b"\n\r\n")):
            return raw
        # A boundary may have begun in what was kept.
        edge = len(self._edge)
        end = _last_boundary(self._edge + raw if edge else raw) - edge
        if end <= 0:
            self._keep(raw)
            return b""
        whole = raw[:end]
        if self._kept:
            whole = b"".join((*self._kept, whole))
            self._kept, self._edge, self._size = [], b"", 0
        self._keep(raw[end:])
        return whole

    def _keep(self, raw: bytes) -> None:
        if not raw:
            return
        self._kept.append(raw)
        self._edge = (self._edge + raw[-_LONGEST_BOUNDARY:])[-_LONGEST_BOUNDARY:]
        self._size += len(raw)
        if self._size > MAX_EVENT:
            raise EventTooLong

    def close(self) -> bytes:
        """What was kept when the stream ended: an event without its blank line, or half of one."""
        tail = b"".join(self._kept)
        self._kept, self._edge, self._size = [], b"", 0
        return tail


def _last_boundary(raw: bytes) -> int:
    end = 0
    for boundary in _BOUNDARIES:
        at = raw.rfind(boundary)
        if at >= 0:
            end = max(end, at + len(boundary))
    return end


def events(whole: bytes) -> Iterator[tuple[int, int]]:
    """Where each event begins and ends, its blank line included."""
    begin = 0
    pattern = _ANY_EVENT if b"\r" in whole else _EVENT
    for boundary in pattern.finditer(whole):
        yield begin, boundary.end()
        begin = boundary.end()
    if begin < len(whole):
        yield begin, len(whole)


def event_around(whole: bytes, at: int) -> tuple[int, int]:
    """Where the event that holds this position begins and ends, its blank line included."""
    if b"\r" in whole:
        return next((begin, end) for begin, end in events(whole) if at < end)
    before = whole.rfind(b"\n\n", 0, at)
    found = _EVENT.search(whole, at)
    return before + 2 if before >= 0 else 0, len(whole) if found is None else found.end()


def line_starts_with(whole: bytes, word: bytes) -> bool:
    """Whether a line of these events begins with the word."""
    if whole.startswith((word, _BOM + word)):
        return True
    at = whole.find(word)
    while at > 0:
        if whole[at - 1] in b"\r\n":
            return True
        at = whole.find(word, at + 1)
    return False


def data_of(event: bytes) -> bytes | None:
    """The data of one event, its lines joined by LF; None where it has none (a comment, a ping)."""
    parts = [
        line[6:] if line.startswith(b"data: ") else line[5:]
        for line in _LINES.split(event.removeprefix(_BOM))
        if line.startswith(b"data:")
    ]
    return b"\n".join(parts) if parts else None


def name_of(event: bytes, field: bytes) -> bytes | None:
    """The value of another field of one event, such as `event`; None where it has none."""
    for line in _LINES.split(event):
        if line.startswith(field + b":"):
            return line[len(field) + 1 :].strip()
    return None
