"""The words of the faulty provider: what it received, the steps of a reply, and their bytes.

The rule: every byte that goes over the wire is written here or in a mode, none by a library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
BODY_END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
USAGE = MappingProxyType({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})


class Break(Enum):
    """How a connection ends before its time: closed after what was written, or reset at once."""

    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived; `raw` is all of it, `hit` counts the requests for its model.

    `at` is on the event loop's clock.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    json: dict[str, Any]
    raw: bytes
    model: str
    hit: int
    at: float

    @property
    def mode(self) -> str:
        """The fault that was asked for: the model's name up to the first '@'."""
        return self.model.partition("@")[0]

    @property
    def streaming(self) -> bool:
        """Whether a stream was asked for."""
        return self.json.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether a usage chunk was asked for."""
        options = self.json.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True


Step = bytes | float | Break
"""Bytes to send, seconds to wait, or the end of the connection."""

Steps = Iterator[Step]
Mode = Callable[[Received], Steps]


def compact(value: object) -> bytes:
    """JSON as most providers write it, without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def chat_chunk(delta: Mapping[str, object], finish: str | None = None) -> dict[str, object]:
    """The object of one chat event."""
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish}
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**base, "choices": [choice]}


def sse(value: object) -> bytes:
    """One event that carries a value as compact JSON."""
    return b"data: " + compact(value) + b"\n\n"


def event(text: str | None, finish: str | None = None, **more: object) -> bytes:
    """One chat event that says `text`; `more` replaces or adds fields."""
    return sse(chat_chunk({} if text is None else {"content": text}, finish) | more)


def chunk(raw: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(raw), raw)


def whole(status: int, body: object, headers: bytes = b"") -> bytes:
    """A whole JSON reply; `body` is bytes as they go out, or a value that becomes JSON."""
    raw = body if isinstance(body, bytes) else compact(body)
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    return head % (status, len(raw)) + headers + b"\r\n" + raw


def completion(text: str = "hello world", **more: object) -> dict[str, object]:
    """The object of a whole chat reply; `more` replaces or adds fields."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    base = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**base, "choices": [choice], "usage": dict(USAGE), **more}


def opened(*events: bytes) -> Steps:
    """The head of a stream and its first events."""
    yield SSE_HEAD
    for raw in events:
        yield chunk(raw)


def ending(asked: Received, finish: str = "stop") -> Steps:
    """The good end of a stream, with a usage chunk where the request asked for one."""
    yield chunk(event(None, finish))
    if asked.wants_usage:
        yield chunk(event(None, choices=[], usage=dict(USAGE)))
    yield chunk(DONE) + BODY_END
