"""The hub into a streamed Messages reply for a client.

The rule: the message starts once and first, one block is open at a time and is closed once, and why
the reply ended is told only when its usage is known; nothing follows `message_stop`.
Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from pipelines.dialects.anthropic.parse import FAMILY
from pipelines.dialects.anthropic.usage import usage_object
from pipelines.dialects.bridge import BYTES_PER_TOKEN
from pipelines.usage import Usage

# Theirs comes here too, and some clients wait for it.
PING = b'event: ping\ndata: {"type":"ping"}\n\n'

_STOPS = (("length", "max_tokens"), ("tool_calls", "tool_use"), ("content_filter", "refusal"))
_SAYING = b'event: content_block_delta\ndata: {"type":"content_block_delta",'


class MessagesStreamWriter:
    """Writes a reply as events. `model` is the name that the client asked for, `id` serves where
    the provider gave none, `thoughts` says whether the client wants them."""

    def __init__(self, model: str, id: str, prompt_tokens: int, thoughts: bool) -> None:
        self._model = model
        self._id = id
        self._usage = Usage(prompt_tokens, estimated=True)
        self._thoughts = thoughts
        self._begun = False
        self._open = ""
        self._next = 0
        self._call = -1
        self._arguments: list[str] = []
        self._custom = False
        self._called = False
        self._waiting: list[Delta] = []
        self._finish = Finish("stop")
        self._refused = False
        self._said = 0
        self._out: list[bytes] = []

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The events for these deltas, joined."""
        if not self._begun:
            self._start(deltas)
        for one in deltas:
            if type(one) is TextDelta and self._open == "text" and not one.choice and one.text:
                self._say("text_delta", "text", one.text)
            elif type(one) is Consumed:
                self._usage = one.usage
            elif type(one) is Finish:
                if not one.choice:
                    self._finish = one
            elif type(one) is not Begin and not one.choice:  # type: ignore[union-attr]
                self._take(one)
        return self._taken()

    def close(self) -> bytes:
        """The rest of the blocks, why the reply ended, what it consumed, and the end."""
        if not self._begun:
            self._start(())
        while self._waiting:
            self._release()
        self._stop_block()
        if self._usage.estimated:
            self._usage = replace(self._usage, completion_tokens=self._said // BYTES_PER_TOKEN)
        delta = {
            "stop_reason": stop_reason(self._finish, self._called, self._refused),
            "stop_sequence": self._finish.stop_sequence,
        }
        self._event("message_delta", {"delta": delta, "usage": usage_object(self._usage)})
        self._event("message_stop", {})
        return self._taken()

    def _start(self, deltas: Sequence[Delta]) -> None:
        self._begun = True
        for one in deltas:
            if type(one) is Begin and one.id.startswith("msg_"):
                self._id = one.id
            elif type(one) is Consumed:
                self._usage = one.usage
        usage = {**usage_object(self._usage), "output_tokens": 0}
        self._event("message_start", {"message": message(self._id, self._model, usage)})
        self._out.append(PING)

    def _take(self, one: Delta) -> None:
        if type(one) is ToolArguments and one.index == self._call:
            if self._open == "tool_use":
                words = self._custom_words(one.text) if self._custom else one.text
                self._say("input_json_delta", "partial_json", words)
                self._arguments.append(words)
            return
        if self._waiting or (self._open == "tool_use" and not _whole(self._arguments)):
            # The open call may go on: what is another block's waits until it has ended.
            self._waiting.append(one)
        else:
            self._write(one)

    def _release(self) -> None:
        """Write what waited, the calls one after the other."""
        waiting, self._waiting = self._waiting, []
        later: list[Delta] = []
        for at, one in enumerate(waiting):
            if type(one) is ToolArguments:
                later.append(one)
                continue
            self._write(one)
            if type(one) is ToolBegin:
                mine = [
                    other
                    for other in (*later, *waiting[at + 1 :])
                    if type(other) is ToolArguments and other.index == one.index
                ]
                for other in mine:
                    self._take(other)

    def _write(self, one: Delta) -> None:
        if type(one) is TextDelta:
            self._speak(one.text)
        elif type(one) is ThoughtDelta:
            self._think(one)
        elif type(one) is ToolBegin:
            self._called = True
            block = {"type": "tool_use", "id": one.id, "name": one.name, "input": {}}
            self._start_block(block)
            self._call, self._arguments, self._custom = one.index, [], one.custom
        elif type(one) is RefusalDelta:
            self._refused = True
            self._speak(one.text)
        elif type(one) is CitationDelta:
            self._begin_text()
            self._delta({"type": "citations_delta", "citation": citation(one)})
        elif type(one) is not LogprobsDelta and type(one) is not ToolArguments:
            self._speak(in_words(one))

    def _custom_words(self, words: str) -> str:
        # A custom tool's words are no JSON, and these clients know objects only.
        escaped = orjson.dumps(words)[1:-1].decode()
        return escaped if self._arguments else '{"input":"' + escaped

    def _speak(self, text: str) -> None:
        if text:
            self._begin_text()
            self._say("text_delta", "text", text)

    def _begin_text(self) -> None:
        if self._open != "text":
            self._start_block({"type": "text", "text": ""})

    def _think(self, one: ThoughtDelta) -> None:
        if not self._thoughts:
            return
        if one.text:
            self._begin_thought()
            self._say("thinking_delta", "thinking", one.text)
        # A signature of another family would be refused when the client sends it back.
        if one.signature and one.family == FAMILY:
            self._begin_thought()
            self._say("signature_delta", "signature", one.signature)
            self._stop_block()
        if one.data and one.family == FAMILY:
            self._start_block({"type": "redacted_thinking", "data": one.data})
            self._stop_block()

    def _begin_thought(self) -> None:
        if self._open != "thinking":
            self._start_block({"type": "thinking", "thinking": "", "signature": ""})

    def _start_block(self, block: dict[str, Any]) -> None:
        self._stop_block()
        self._open = block["type"]
        self._event("content_block_start", {"index": self._next, "content_block": block})

    def _stop_block(self) -> None:
        if not self._open:
            return
        if self._open == "tool_use" and self._custom:
            self._say("input_json_delta", "partial_json", self._custom_words("") + '"}')
        elif self._open == "tool_use" and not self._arguments:
            self._say("input_json_delta", "partial_json", "{}")
        self._event("content_block_stop", {"index": self._next})
        self._open = ""
        self._next += 1

    def _say(self, kind: str, name: str, words: str) -> None:
        # Written by hand: nearly all events of a reply are these.
        self._said += len(words)
        where = f'"index":{self._next},"delta":{{"type":"{kind}","{name}":'.encode()
        self._out.append(_SAYING + where + orjson.dumps(words) + b"}}\n\n")

    def _delta(self, delta: dict[str, Any]) -> None:
        self._event("content_block_delta", {"index": self._next, "delta": delta})

    def _event(self, kind: str, value: dict[str, Any]) -> None:
        data = orjson.dumps({"type": kind, **value})
        self._out.append(b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n")

    def _taken(self) -> bytes:
        out, self._out = b"".join(self._out), []
        return out


def message(id: str, model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """An answer of which nothing has been said yet."""
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def stop_reason(finish: Finish, called: bool, refused: bool) -> str:
    """Why the reply ended, in Anthropic's words."""
    if finish.reason == "stop":
        if called:
            return "tool_use"
        if refused:
            return "refusal"
        return "end_turn" if finish.stop_sequence is None else "stop_sequence"
    return dict(_STOPS)[finish.reason]


def citation(one: CitationDelta) -> dict[str, Any]:
    """A citation as it came from this family, else as that of a page that was found."""
    if str(one.rest.get("type", "")).endswith("_location"):
        return one.rest
    return {
        "type": "web_search_result_location",
        "url": one.url,
        "title": one.title,
        "cited_text": one.text,
        "encrypted_index": "",
    }


def in_words(one: Delta) -> str:
    """What has no block of its own here: a picture as Markdown, sound by its transcript."""
    if type(one) is ImageDelta:
        return f"![image](data:{one.mime};base64,{one.data})"
    if type(one) is AudioDelta:
        return str(one.audio.get("transcript") or "")
    return ""


def _whole(arguments: list[str]) -> bool:
    try:
        orjson.loads("".join(arguments))
    except orjson.JSONDecodeError:
        return False
    return True
