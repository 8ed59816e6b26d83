"""How a streamed reply is cut into messages: server-sent events, or lines of JSON.

The rule: sans-IO and tolerant; a message that cannot be read is skipped and counted, and a cut may
fall anywhere.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

import orjson

from pipelines.dialects.sse import EventTooLong, Framer, data_of, events, name_of
from pipelines.errors import StreamBroken

MAX_LINE = 8 * 1024 * 1024
DONE = b"[DONE]"

Frame = tuple[str, dict[str, Any]]

# What nearly every event is: a name or none, and one line of data.
_PLAIN = re.compile(rb"(?:event: ?([\w.-]*)\r?\n)?data:([^\n]*)\n\r?\n")


class Frames(Protocol):
    """Cuts one reply into messages: each has a name ("" where the format has none) and a value.

    `bad` counts the messages that were skipped; `done` says that an end mark was seen.
    """

    bad: int
    done: bool

    def feed(self, raw: bytes) -> list[Frame]:
        """The whole messages so far. Raises StreamBroken where one is over 8 MiB."""

    def close(self) -> list[Frame]:
        """What was left at the reply's end, as far as it can be read."""


class SseFrames:
    """Server-sent events whose data is JSON; the data `[DONE]` is the end mark."""

    def __init__(self) -> None:
        self._framer = Framer()
        self.bad = 0
        self.done = False

    def feed(self, raw: bytes) -> list[Frame]:
        """The whole events so far."""
        try:
            return self._read(self._framer.feed(raw))
        except EventTooLong:
            raise StreamBroken("The provider sent an event of over 8 MiB.") from None

    def close(self) -> list[Frame]:
        """An event without its blank line; half of one is counted as bad."""
        return self._read(self._framer.close())

    def _read(self, whole: bytes) -> list[Frame]:
        frames: list[Frame] = []
        at = 0
        while at < len(whole):
            found = _PLAIN.match(whole, at)
            if found is None:
                break
            begin, at = at, found.end()
            name, data = found.groups()
            value = _object(data)
            if value is None:
                self._odd(whole[begin:at], frames)
            else:
                frames.append((name.decode() if name else "", value))
        if at < len(whole):
            # The first that is not plain, and all that came with it.
            self._odd(whole[at:], frames)
        return frames

    def _odd(self, whole: bytes, frames: list[Frame]) -> None:
        for begin, end in events(whole):
            event = whole[begin:end]
            data = data_of(event)
            if data is None:
                # llama.cpp and GPUStack write an error as a field of its own.
                data = name_of(event, b"error")
                if data is None:
                    continue
                data = b'{"error":' + data + b"}"
            self._take(name_of(event, b"event") or b"", data, frames)

    def _take(self, name: bytes, data: bytes, frames: list[Frame]) -> None:
        if data.strip() == DONE:
            self.done = True
            return
        value = _object(data)
        if value is None:
            self.bad += 1
        else:
            frames.append((name.decode("utf-8", "replace"), value))


class LineFrames:
    """One JSON object a line (NDJSON), as Ollama sends it."""

    def __init__(self) -> None:
        # In the pieces as they came: a line that never ends must not be copied at every read.
        self._kept: list[bytes] = []
        self._size = 0
        self.bad = 0
        self.done = False

    def feed(self, raw: bytes) -> list[Frame]:
        """The whole lines so far."""
        end = raw.rfind(b"\n") + 1
        lines: list[bytes] = []
        if end:
            lines = b"".join((*self._kept, raw[:end])).split(b"\n")
            self._kept, self._size, raw = [], 0, raw[end:]
        if raw:
            self._kept.append(raw)
            self._size += len(raw)
        if self._size > MAX_LINE:
            raise StreamBroken("The provider sent a line of over 8 MiB.")
        return self._read(lines)

    def close(self) -> list[Frame]:
        """A last line without its end."""
        tail = b"".join(self._kept)
        self._kept, self._size = [], 0
        return self._read([tail])

    def _read(self, lines: list[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        for line in lines:
            if not line.strip():
                continue
            value = _object(line)
            if value is None:
                self.bad += 1
            else:
                frames.append(("", value))
        return frames


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
