"""A provider's Messages reply into the hub, streamed or whole.

The rule: tool calls are counted apart from the other blocks; what a tool of the provider's own did
(its calls, its results, a compaction) is no part of the answer; it is passed over and told.
Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    Reason,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.anthropic.errors import error_in
from pipelines.dialects.anthropic.parse import FAMILY
from pipelines.dialects.anthropic.usage import merged, read_usage
from pipelines.errors import StreamBroken, UpstreamFailed

MOST_LOSSES = 16
LONGEST = 64

_REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "tool_use": "tool_calls",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "content_filter",
    }
)


class Block:
    """What is known of one block so far; `call` is the tool call's number."""

    __slots__ = ("call", "citations", "given", "said", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.call: int | None = None
        self.given: Any = None
        self.said = False
        self.citations: list[Mapping[str, Any]] = []


class MessagesInterpreter:
    """What one Messages reply means."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._blocks: dict[object, Block] = {}
        self._calls = 0
        self._characters = 0
        self._usage: dict[str, Any] = {}
        self._begun = False
        self._id = ""
        self._finished = False
        self._stopped = False
        self.lost: list[str] = []

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one event means. Raises UpstreamError where it is an error."""
        kind = value.get("type") or name
        if self._stopped:
            return []
        if kind == "content_block_delta":
            return self._more(self._block(value), _mapping(value.get("delta")))
        if kind == "content_block_start":
            return self._open(value)
        if kind == "content_block_stop":
            block = self._blocks.pop(value.get("index"), None)
            return [] if block is None else self._close(block)
        if kind == "message_start":
            return self._begin(_mapping(value.get("message")))
        if kind == "message_delta":
            self._usage = merged(self._usage, value.get("usage"))
            return self._finish(_mapping(value.get("delta")))
        if kind == "message_stop":
            self._stopped = True
        elif kind == "error" or value.get("error"):
            raise error_in(value, self._provider)
        return []

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        if not isinstance(value.get("content"), list):
            raise error_in(value, self._provider)
        deltas = self._begin(value)
        for at, one in enumerate(value["content"]):
            deltas += self._open({"index": at, "content_block": one})
            deltas += self._close(self._blocks.pop(at))
        deltas += self._finish(value)
        return deltas if self._finished else [*deltas, Finish(self._reason("end_turn"))]

    def end(self, done: bool) -> list[Delta]:
        """Nothing is left to say at the end. Raises StreamBroken where the stream was cut."""
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first event.")
        if not self._stopped and not self._finished:
            error = StreamBroken(
                f"{self._provider} ended the stream without a stop reason; the answer is "
                "incomplete."
            )
            error.code = "upstream_truncated"
            raise error
        deltas: list[Delta] = []
        for block in self._blocks.values():
            deltas += self._close(block)
        self._blocks.clear()
        return deltas if self._finished else [*deltas, Finish(self._reason("end_turn"))]

    def _begin(self, message: Mapping[str, Any]) -> list[Delta]:
        id = message.get("id") or ""
        self._usage = merged(self._usage, message.get("usage"))
        if self._begun:
            # Some proxies send the start twice; some begin anew in the middle, and two halves of
            # different answers are none (https://github.com/vercel/ai/issues/18331).
            if id != self._id:
                raise StreamBroken(f"{self._provider} began a second answer within the first.")
            return []
        self._begun, self._id = True, id
        return [Begin(id, message.get("model") or "")]

    def _block(self, value: Mapping[str, Any]) -> Block:
        index = value.get("index")
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = Block(self._characters)
        return block

    def _open(self, value: Mapping[str, Any]) -> list[Delta]:
        self._begun = True
        block = self._blocks[value.get("index")] = Block(self._characters)
        one = _mapping(value.get("content_block"))
        kind = one.get("type")
        if kind == "tool_use":
            block.call, block.given = self._calls, one.get("input")
            self._calls += 1
            return [ToolBegin(block.call, one.get("id") or "", one.get("name") or "")]
        if kind == "text":
            block.citations += [one for one in one.get("citations") or () if one]
            return self._text(one.get("text") or "")
        if kind == "thinking":
            return _thought(one.get("thinking") or "", one.get("signature") or "")
        if kind == "redacted_thinking":
            return [ThoughtDelta(data=one.get("data") or "", family=FAMILY)]
        self._lose(str(kind or "nameless block")[:LONGEST])
        return []

    def _more(self, block: Block, delta: Mapping[str, Any]) -> list[Delta]:
        kind = delta.get("type")
        if kind == "text_delta":
            return self._text(delta.get("text") or "")
        if kind == "input_json_delta":
            words = delta.get("partial_json")
            if block.call is None or not words:
                return []
            block.said = True
            return [ToolArguments(block.call, words)]
        if kind == "thinking_delta":
            return _thought(delta.get("thinking") or "", "")
        if kind == "signature_delta":
            return _thought("", delta.get("signature") or "")
        if kind == "citations_delta" and delta.get("citation"):
            block.citations.append(delta["citation"])
        return []

    def _lose(self, what: str) -> None:
        if what not in self.lost and len(self.lost) < MOST_LOSSES:
            self.lost.append(what)

    def _text(self, text: str) -> list[Delta]:
        self._characters += len(text)
        return [TextDelta(text)] if text else []

    def _close(self, block: Block) -> list[Delta]:
        if block.call is not None and not block.said:
            return [ToolArguments(block.call, orjson.dumps(block.given or {}).decode())]
        # Their positions are those in the source; ours are those of the words that rest on it.
        return [
            CitationDelta(
                url=one.get("url") or one.get("source") or "",
                title=one.get("title") or one.get("document_title") or "",
                text=one.get("cited_text") or "",
                start=block.start,
                end=self._characters,
                rest=dict(one),
            )
            for one in block.citations
        ]

    def _finish(self, delta: Mapping[str, Any]) -> list[Delta]:
        deltas: list[Delta] = []
        reason = delta.get("stop_reason")
        if delta.get("container"):
            self._lose("container")
        if reason == "pause_turn":
            # Their clients send the answer back, and the model goes on; nobody else's can.
            self._lose(reason)
        if reason and not self._finished:
            for block in self._blocks.values():
                deltas += self._close(block)
            self._blocks.clear()
            self._finished = True
            deltas.append(Finish(self._reason(reason), delta.get("stop_sequence")))
        usage = read_usage(self._usage)
        return deltas if usage is None else [*deltas, Consumed(usage)]

    def _reason(self, reason: str) -> Reason:
        known = _REASONS.get(reason, "stop")
        # Some hosts that copy the format end a turn that calls tools like any other.
        return "tool_calls" if self._calls and reason == "end_turn" else known


def _thought(text: str, signature: str) -> list[Delta]:
    deltas: list[Delta] = [ThoughtDelta(text, family=FAMILY)] if text else []
    return [*deltas, ThoughtDelta(signature=signature, family=FAMILY)] if signature else deltas


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
