"""A Converse reply into the hub, streamed or whole.

The rule: tool calls are counted, blocks are not; tools that Bedrock runs itself are not the
client's to run, and the tool that stands in for a schema is the answer's text.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from base64 import b64decode
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
    ImageDelta,
    Reason,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.bedrock.formats import STAND_IN
from pipelines.dialects.upstream_errors import Complaint, classify
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import Usage

# Only Claude signs, and its signatures hold on every platform
# (https://platform.claude.com/docs/en/build-with-claude/extended-thinking).
FAMILY = "anthropic"

_REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "tool_use": "tool_calls",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "content_filtered": "content_filter",
        "guardrail_intervened": "content_filter",
    }
)
_STATUSES = MappingProxyType(
    {
        "validationexception": 400,
        "throttlingexception": 429,
        "modelstreamerrorexception": 502,
        "internalserverexception": 500,
        "serviceunavailableexception": 503,
        "modeltimeoutexception": 504,
    }
)


class ConverseReader:
    """What one reply means."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._begun = False
        self._finished = False
        self._calls: dict[object, int] = {}
        self._answers: set[object] = set()

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one message means. Raises UpstreamError where it is an exception."""
        if "error" in value:
            raise self._error(value["error"])
        begin: list[Delta] = [] if self._begun else [Begin()]
        self._begun = True
        block = value.get("contentBlockIndex")
        if name == "contentBlockDelta":
            return begin + self._more(block, _object(value.get("delta")))
        if name == "contentBlockStart":
            return begin + self._call(block, _object(_object(value.get("start")).get("toolUse")))
        if name == "messageStop":
            return begin + self._ended(value)
        return begin + (_consumed(value.get("usage")) if name == "metadata" else [])

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        message = _object(_object(value.get("output")).get("message"))
        if not message:
            raise UpstreamFailed(f"{self._provider} answered with something that is no answer.")
        self._begun = True
        deltas: list[Delta] = [Begin()]
        for place, one in enumerate(message.get("content") or ()):
            deltas += self._block(place, _object(one))
        return deltas + self._ended(value) + _consumed(value.get("usage"))

    def end(self, done: bool) -> list[Delta]:
        """Nothing is left to say. Raises StreamBroken where the stream was cut."""
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first event.")
        if not self._finished:
            error = StreamBroken(
                f"{self._provider} ended the stream without a stop reason; the answer is "
                "incomplete."
            )
            error.code = "upstream_truncated"
            raise error
        return []

    def _more(self, block: object, delta: Mapping[str, Any]) -> list[Delta]:
        text = delta.get("text")
        if text:
            return [TextDelta(text)]
        if "toolUse" in delta:
            words = _object(delta["toolUse"]).get("input")
            if block in self._answers and isinstance(words, str) and words:
                return [TextDelta(words)]
            mine = block in self._calls and isinstance(words, str) and words
            return [ToolArguments(self._calls[block], str(words))] if mine else []
        if "reasoningContent" in delta:
            return _thoughts(_object(delta["reasoningContent"]))
        return [_citation(_object(delta["citation"]))] if "citation" in delta else []

    def _call(self, block: object, use: Mapping[str, Any]) -> list[Delta]:
        if not use or use.get("type") == "server_tool_use":
            return []
        if use.get("name") == STAND_IN:
            self._answers.add(block)
            return []
        self._calls[block] = index = len(self._calls)
        return [ToolBegin(index, use.get("toolUseId") or "", use.get("name") or "")]

    def _block(self, place: int, block: Mapping[str, Any]) -> list[Delta]:
        if block.get("text"):
            return [TextDelta(block["text"])]
        if "toolUse" in block:
            use = _object(block["toolUse"])
            called = self._call(place, use)
            words = orjson.dumps(use.get("input") or {}).decode()
            if called:
                called.append(ToolArguments(self._calls[place], words))
            elif place in self._answers:
                called.append(TextDelta(words))
            return called
        if "reasoningContent" in block:
            said = _object(block["reasoningContent"])
            return _thoughts({**said, **_object(said.get("reasoningText"))})
        if "image" in block:
            image = _object(block["image"])
            data = _object(image.get("source")).get("bytes") or ""
            return [ImageDelta(data, f"image/{image.get('format') or 'png'}")] if data else []
        cited = _object(block.get("citationsContent"))
        words = "".join(_object(one).get("text") or "" for one in cited.get("content") or ())
        said_so: list[Delta] = [TextDelta(words)] if words else []
        return said_so + [_citation(_object(one)) for one in cited.get("citations") or ()]

    def _ended(self, value: Mapping[str, Any]) -> list[Delta]:
        self._finished = True
        reason = _REASONS.get(value.get("stopReason") or "", "stop")
        if self._calls and reason == "stop":
            reason = "tool_calls"
        elif self._answers and not self._calls and reason == "tool_calls":
            reason = "stop"
        extra = _object(value.get("additionalModelResponseFields"))
        return [Finish(reason, extra.get("stop_sequence"))]

    def _error(self, error: object) -> UpstreamError:
        said = _object(error)
        kind = str(said.get("type") or "")
        status = _STATUSES.get(kind.lower(), 502)
        return classify(
            status, Complaint(str(said.get("message") or ""), kind=kind), self._provider
        )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _thoughts(said: Mapping[str, Any]) -> list[Delta]:
    deltas: list[Delta] = []
    if said.get("text"):
        deltas.append(ThoughtDelta(said["text"]))
    if said.get("signature"):
        deltas.append(ThoughtDelta(signature=said["signature"], family=FAMILY))
    if said.get("redactedContent"):
        deltas.append(_redacted(said["redactedContent"]))
    return deltas


def _redacted(blob: str) -> ThoughtDelta:
    # Converse wraps Claude's own words, which are base64 already, into base64 once more.
    try:
        return ThoughtDelta(data=b64decode(blob, validate=True).decode("ascii"), family=FAMILY)
    except ValueError:
        return ThoughtDelta(data=blob, family="bedrock")


def _citation(cited: Mapping[str, Any]) -> CitationDelta:
    web = _object(_object(cited.get("location")).get("web"))
    words = (_object(one).get("text") or "" for one in cited.get("sourceContent") or ())
    return CitationDelta(
        url=web.get("url") or "",
        title=cited.get("title") or web.get("domain") or "",
        text="".join(words),
        rest=dict(cited),
    )


def _consumed(value: object) -> list[Delta]:
    usage = _object(value)
    if not usage:
        return []
    read, written = _count(usage, "cacheReadInputTokens"), _count(usage, "cacheWriteInputTokens")
    return [
        Consumed(
            Usage(
                prompt_tokens=_count(usage, "inputTokens") + read + written,
                completion_tokens=_count(usage, "outputTokens"),
                cached_tokens=read,
                cache_write_tokens=written,
            )
        )
    ]


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return int(value) if isinstance(value, int | float) else 0
