"""The framings as lists of messages and back, so that a mutation may change what they mean.

The rule: what is encoded here is well framed; broken framing is the business of `mutate`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from struct import pack
from typing import Any
from zlib import crc32

from pipelines.dialects.eventstream import EventStreamFrames
from pipelines.dialects.sse import data_of, events, name_of
from pipelines.errors import GatewayError
from pipelines.events import Media

# Stands in a tree for what Python's own encoder could not write, and orjson need not read.
DEEP = "\x01deep"
LEVELS = 900

Message = tuple[str, Any]


def decoded(raw: bytes, media: Media) -> list[Message]:
    """The messages of a good stream; what cannot be read is left out, an end mark is a string."""
    if media is Media.AWS:
        try:
            return list(EventStreamFrames().feed(raw))
        except GatewayError:
            return []
    if media is Media.SSE:
        cut = (raw[begin:end] for begin, end in events(raw))
        pairs = [((name_of(one, b"event") or b"").decode(), data_of(one)) for one in cut]
        return [(name, _value(data)) for name, data in pairs if data is not None]
    return [("", _value(line)) for line in raw.splitlines() if line.strip()]


def encoded(messages: Sequence[Message], media: Media, newline: bytes = b"\n") -> bytes:
    """These messages in their framing."""
    if media is Media.AWS:
        return b"".join(aws_message(name, value) for name, value in messages)
    if media is Media.SSE:
        return b"".join(_event(name, value, newline) for name, value in messages)
    return b"".join(text(value) + newline for _, value in messages)


def text(value: object) -> bytes:
    """JSON as Python writes it, with NaN, lone surrogates and endless numbers."""
    if isinstance(value, str) and value == "[DONE]":
        return b"[DONE]"
    written = json.dumps(value).encode()
    return written.replace(json.dumps(DEEP).encode(), b"[" * LEVELS + b"]" * LEVELS)


def aws_message(name: str, value: object) -> bytes:
    """One message of Amazon's event stream."""
    headers = b"".join(
        _header(key, words) for key, words in ((b":event-type", name), (b":message-type", "event"))
    )
    payload = text(value)
    prelude = pack("!II", len(headers) + len(payload) + 16, len(headers))
    body = prelude + pack("!I", crc32(prelude)) + headers + payload
    return body + pack("!I", crc32(body))


def _header(name: bytes, words: str) -> bytes:
    value = words.encode("utf-8", "replace")
    return bytes([len(name)]) + name + b"\7" + pack("!H", len(value)) + value


def _event(name: str, value: object, newline: bytes) -> bytes:
    named = b"event: " + name.encode("utf-8", "replace") + newline if name else b""
    return named + b"data: " + text(value) + newline * 2


def _value(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")
