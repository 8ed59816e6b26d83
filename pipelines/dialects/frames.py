"""How a streamed reply is cut into messages: server-sent events, or lines of JSON.

The rule: sans-IO and tolerant; a message that cannot be read is skipped and counted, and a cut may
fall anywhere.
"""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from pipelines.dialects.sse import EventTooLong, Framer, data_of, events, name_of
from pipelines.errors import StreamBroken

MAX_LINE = 8 * 1024 * 1024
DONE = b"[DONE]"

Frame = tuple[str, dict[str, Any]]


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
        for begin, end in events(whole):
            event = whole[begin:end]
            data = data_of(event)
            if data is None:
                # llama.cpp and GPUStack write an error as a field of its own.
                data = name_of(event, b"error")
                if data is None:
                    continue
                data = b'{"error":' + data + b"}"
            if data.strip() == DONE:
                self.done = True
                continue
            value = _object(data)
            if value is None:
                self.bad += 1
            else:
                name = name_of(event, b"event") or b""
                frames.append((name.decode("utf-8", "replace"), value))
        return frames


class LineFrames:
    """One JSON object a line (NDJSON), as Ollama sends it."""

    def __init__(self) -> None:
        self._tail = b""
        self.bad = 0
        self.done = False

    def feed(self, raw: bytes) -> list[Frame]:
        """The whole lines so far."""
        *lines, self._tail = (self._tail + raw).split(b"\n")
        if len(self._tail) > MAX_LINE:
            raise StreamBroken("The provider sent a line of over 8 MiB.")
        return self._read(lines)

    def close(self) -> list[Frame]:
        """A last line without its end."""
        tail, self._tail = self._tail, b""
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
