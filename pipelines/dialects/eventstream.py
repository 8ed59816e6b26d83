"""Amazon's event streams: binary messages with headers and two checksums.

The rule: a length is believed only once its checksum is right; what was good before a broken
message is handed on first.
Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError
from types import MappingProxyType
from typing import Any
from zlib import crc32

import orjson

from pipelines.dialects.frames import Frame
from pipelines.errors import StreamBroken

# The limits are botocore's (https://github.com/boto/botocore/blob/develop/botocore/eventstream.py).
MAX_HEADERS = 128 * 1024
MAX_PAYLOAD = 24 * 1024 * 1024
MOST_KINDS = 32

_PRELUDE = Struct("!III")
_CRC = Struct("!I")
_LENGTH = Struct("!H")
_LEAST = _PRELUDE.size + _CRC.size
_STRING = 7
_SIZED = frozenset({6, 7})
_WIDTHS = MappingProxyType({0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16})


class EventStreamFrames:
    """Cuts a reply into its messages: the name is the event's type, the value its JSON.

    An exception in the stream is a message whose value is `{"error": {"type", "message"}}`.
    """

    def __init__(self) -> None:
        self._tail = bytearray()
        # A stream has few kinds of messages, and those of one kind have the same headers.
        self._known: dict[bytes, dict[str, str] | None] = {}
        self._fault: StreamBroken | None = None
        self.bad = 0
        self.done = False

    def feed(self, raw: bytes) -> list[Frame]:
        """The whole messages so far. Raises StreamBroken where the bytes make no sense."""
        frames: list[Frame] = []
        if self._fault is None:
            self._tail += raw
            try:
                self._cut(frames)
            except StreamBroken as fault:
                self._fault = fault
                self._tail.clear()
        if self._fault is not None and not frames:
            raise self._fault
        return frames

    def close(self) -> list[Frame]:
        """Nothing: half a message is counted as bad. Raises the fault that was not told yet."""
        if self._fault is not None:
            raise self._fault
        self.bad += bool(self._tail)
        self._tail.clear()
        return []

    def _cut(self, frames: list[Frame]) -> None:
        tail, begin = self._tail, 0
        while len(tail) - begin >= _PRELUDE.size:
            total, headers, check = _PRELUDE.unpack_from(tail, begin)
            if crc32(tail[begin : begin + 8]) != check:
                raise StreamBroken("The provider's event stream is damaged (prelude checksum).")
            payload = total - headers - _LEAST
            if headers > MAX_HEADERS or not 0 <= payload <= MAX_PAYLOAD:
                raise StreamBroken("The provider sent an event of a forbidden size.")
            if len(tail) - begin < total:
                break
            message = bytes(tail[begin : begin + total])
            begin += total
            if crc32(message[: -_CRC.size]) != _CRC.unpack_from(message, total - _CRC.size)[0]:
                raise StreamBroken("The provider's event stream is damaged (message checksum).")
            self._take(message, headers, frames)
        del tail[:begin]

    def _take(self, message: bytes, headers: int, frames: list[Frame]) -> None:
        names = self._names(message[_PRELUDE.size : _PRELUDE.size + headers])
        value = _object(message[_PRELUDE.size + headers : -_CRC.size])
        if names is None:
            self.bad += 1
        elif names.get(":message-type") == "exception":
            said = {} if value is None else value
            words = said.get("message") or said.get("Message") or ""
            frames.append(_fault(names.get(":exception-type", ""), str(words)))
        elif names.get(":message-type") == "error":
            code = names.get(":error-code", "")
            frames.append(_fault(code, names.get(":error-message", "")))
        elif value is None:
            self.bad += 1
        else:
            frames.append((names.get(":event-type", ""), value))

    def _names(self, raw: bytes) -> dict[str, str] | None:
        if raw in self._known:
            return self._known[raw]
        names = _headers(raw)
        if len(self._known) < MOST_KINDS:
            self._known[raw] = names
        return names


def _fault(kind: str, message: str) -> Frame:
    return kind, {"error": {"type": kind, "message": message}}


def _headers(raw: bytes) -> dict[str, str] | None:
    """The headers that are strings; None where they cannot be read."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(raw):
            end = at + 1 + raw[at]
            name, kind = raw[at + 1 : end].decode(), raw[end]
            at = end + 1
            if kind in _SIZED:
                width = _LENGTH.unpack_from(raw, at)[0]
                at += _LENGTH.size
            else:
                width = _WIDTHS[kind]
            if kind == _STRING:
                found[name] = raw[at : at + width].decode()
            at += width
    except (IndexError, KeyError, StructError, UnicodeDecodeError):
        return None
    return found if at == len(raw) else None


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(payload) if payload else {}
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
