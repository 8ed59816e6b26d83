"""The hub into a chat reply for a client, streamed or whole.

The rule: id, model and time are the same on every chunk, the role stands in the first delta only,
usage comes once and only where it was asked for, and `[DONE]` only where the reply is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pipelines.deltas import (
    AudioDelta,
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.openai import DONE
from pipelines.usage import NO_USAGE, Usage

_LISTS = frozenset({"annotations", "images", "thinking_blocks"})
_AFTER = b'},"logprobs":null,"finish_reason":null}]}\n\n'
_AFTER_WITH_USAGE = b'},"logprobs":null,"finish_reason":null}],"usage":null}\n\n'


def usage_object(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }


class ChatStreamWriter:
    """Writes a reply as chunks; `usage` says that the client asked for the usage chunk, `model` is
    the name it asked for, and `id` serves where the provider gave none."""

    def __init__(self, model: str, id: str, usage: bool) -> None:
        self._model = model
        self._id = id
        self._created = 0
        self._wants_usage = usage
        self._spoken: set[int] = set()
        self._before: dict[int, bytes] = {}
        self._listed: dict[tuple[int, str], int] = {}
        self._usage = NO_USAGE

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The chunks for these deltas, joined."""
        return b"".join([self._event(one) for one in deltas])

    def close(self) -> bytes:
        """The usage chunk where it was asked for, and the end mark."""
        if not self._wants_usage:
            return DONE
        chunk = {**self._frame(), "choices": [], "usage": usage_object(self._usage)}
        return _framed(chunk) + DONE

    def _event(self, one: Delta) -> bytes:
        if type(one) is TextDelta and one.choice in self._spoken:
            return self._words(one)
        if type(one) is Begin:
            self._id, self._created = one.id or self._id, one.created or self._created
            self._before.clear()
        elif type(one) is Consumed:
            self._usage = one.usage
        elif type(one) is Finish:
            return self._chunk({}, one.choice, one.reason)
        elif type(one) is LogprobsDelta:
            return self._chunk({}, one.choice, None, one.logprobs)
        else:
            said = _said(one)
            if said:
                choice: int = one.choice  # type: ignore[union-attr]
                for name in _LISTS & said.keys():
                    self._number(said[name][0], (choice, name))
                return self._chunk(said, choice, None)
        return b""

    def _number(self, entry: dict[str, Any], place: tuple[int, str]) -> None:
        # OpenAI's own client joins the entries of a streamed list by their index, and fails where
        # one has none: https://github.com/openai/openai-python/blob/main/src/openai/lib/streaming/_deltas.py
        entry["index"] = self._listed[place] = self._listed.get(place, -1) + 1

    def _words(self, one: TextDelta) -> bytes:
        # Nearly all chunks of a stream differ in their words alone.
        before = self._before.get(one.choice)
        if before is None:
            head = orjson.dumps(self._frame())[:-1]
            before = b'data: %b,"choices":[{"index":%d,"delta":{"content":' % (head, one.choice)
            self._before[one.choice] = before
        after = _AFTER_WITH_USAGE if self._wants_usage else _AFTER
        return before + orjson.dumps(one.text) + after

    def _frame(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
        }

    def _chunk(
        self, said: dict[str, Any], choice: int, reason: str | None, logprobs: Any = None
    ) -> bytes:
        if choice not in self._spoken:
            self._spoken.add(choice)
            # Some clients read `content` of the first delta without asking whether it is there.
            said = {"role": "assistant", "content": "", **said}
        entry = {"index": choice, "delta": said, "logprobs": logprobs, "finish_reason": reason}
        chunk = {**self._frame(), "choices": [entry]}
        if self._wants_usage:
            chunk["usage"] = None
        return _framed(chunk)


def _framed(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _said(one: Delta) -> dict[str, Any]:
    if type(one) is TextDelta:
        return {"content": one.text}
    if type(one) is ThoughtDelta:
        said: dict[str, Any] = {"reasoning_content": one.text} if one.text else {}
        if one.signature or one.data:
            said["thinking_blocks"] = [thought_block(one)]
        return said
    if type(one) is ToolBegin:
        return {"tool_calls": [_tool_begin(one)]}
    if type(one) is ToolArguments:
        return {"tool_calls": [{"index": one.index, "function": {"arguments": one.text}}]}
    if type(one) is RefusalDelta:
        return {"refusal": one.text}
    if type(one) is ImageDelta:
        return {"images": [image(one)]}
    if type(one) is CitationDelta:
        return {"annotations": [annotation(one)]}
    return {"audio": one.audio} if type(one) is AudioDelta else {}


def thought_block(one: ThoughtDelta, words: str = "") -> dict[str, Any]:
    """A signed or redacted thought as LiteLLM's clients know it; `words` are those it signs."""
    if one.data:
        return {"type": "redacted_thinking", "data": one.data, "family": one.family}
    return {
        "type": "thinking",
        "thinking": words or one.text,
        "signature": one.signature,
        "family": one.family,
    }


def _tool_begin(one: ToolBegin) -> dict[str, Any]:
    function = {"name": one.name, "arguments": ""}
    call: dict[str, Any] = {"index": one.index, "id": one.id, "type": "function"}
    if one.custom:
        call |= {"type": "custom", "custom": {"name": one.name, "input": ""}}
    else:
        call["function"] = function
    if one.signature:
        call["extra_content"] = {"google": {"thought_signature": one.signature}}
    return call


def image(one: ImageDelta) -> dict[str, Any]:
    """A picture in the shape that OpenRouter and OpenWebUI use."""
    url = f"data:{one.mime};base64,{one.data}"
    return {"type": "image_url", "image_url": {"url": url}}


def annotation(one: CitationDelta) -> dict[str, Any]:
    """A citation as OpenAI's `annotations` have it."""
    cited = {"url": one.url, "title": one.title, "start_index": one.start, "end_index": one.end}
    return {"type": "url_citation", "url_citation": cited}
