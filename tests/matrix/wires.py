"""The framings of recorded replies, read and written without any of the gateway's code.

The rule: simple and strict enough for recordings; what is no JSON object is left out.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped]

Event = dict[str, Any]


def sse(raw: bytes) -> tuple[list[Event], bool]:
    """The events of a stream of server-sent events, and whether `[DONE]` was among them."""
    found: list[Event] = []
    done = False
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for block in text.split("\n\n"):
        lines = block.split("\n")
        data = [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]
        data += [f'{{"error":{line[6:]}}}' for line in lines if line.startswith("error:")]
        words = "\n".join(data)
        done = done or words.strip() == "[DONE]"
        event = as_object(words)
        if event is not None:
            found.append(event)
    return found, done


def lines(raw: bytes) -> list[Event]:
    """The objects of a stream of one a line."""
    found = (as_object(line) for line in raw.decode("utf-8", "replace").split("\n"))
    return [one for one in found if one is not None]


def as_object(words: str) -> Event | None:
    """The JSON object in a text, or None."""
    try:
        value = json.loads(words)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def aws(raw: bytes) -> Iterator[tuple[dict[str, str], Event]]:
    """The messages of an Amazon event stream: their headers, and their payload."""
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    for message in buffer:
        yield message.headers, as_object(message.payload.decode()) or {}


def aws_frame(name: str, payload: Event) -> bytes:
    """One message of an Amazon event stream."""
    pairs = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    headers = b"".join(_header(key, value) for key, value in pairs.items())
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    head = prelude + struct.pack("!I", crc32(prelude)) + headers + body
    return head + struct.pack("!I", crc32(head))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return bytes([len(key)]) + key + b"\x07" + struct.pack("!H", len(text)) + text
