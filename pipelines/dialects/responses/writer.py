"""The hub into a Responses reply for a client, streamed or whole.

The rule: every item lives its whole life (added, its deltas, done) under one id and one index, and
the last event holds the whole output and the usage; a whole reply is that last response alone.
Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.conversation import Conversation
from pipelines.deltas import (
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
from pipelines.dialects.responses.emulate import (
    SHELL,
    Offered,
    custom_input,
    offered,
    shell_action,
)
from pipelines.dialects.responses.envelope import wrap
from pipelines.errors import GatewayError
from pipelines.usage import NO_USAGE, Usage

_TEXT_EVENT = b"event: response.output_text.delta\ndata: "
_ECHOED = (
    "instructions", "max_output_tokens", "metadata", "previous_response_id", "temperature",
    "top_p", "user", "service_tier",
)  # fmt: skip
_CALLS = MappingProxyType({"function": "fc", "custom": "ctc", SHELL: "lsh"})


def usage_object(usage: Usage) -> dict[str, Any]:
    """The usage object of the Responses API."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def response_object(
    body: Mapping[str, Any], id: str, model: str, created: int, kept: bool = False
) -> dict[str, Any]:
    """A response that has just begun, with what the call asked for."""
    return {
        "id": id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        **{name: body.get(name) for name in _ECHOED},
        "model": model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "reasoning": body.get("reasoning") or {"effort": None, "summary": None},
        "store": kept,
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "truncation": body.get("truncation") or "disabled",
        "usage": None,
    }


class Item:
    """One item of the output, as far as it has been said; `part` is the open part of it, and an
    `emulated` call stands for one of a plain function."""

    __slots__ = ("emulated", "index", "part", "pieces", "value")

    def __init__(self, index: int, value: dict[str, Any]) -> None:
        self.index = index
        self.value = value
        self.part: dict[str, Any] | None = None
        self.pieces: list[str] = []
        self.emulated = False


class ResponsesWriter:
    """Writes a reply as events, or as one document where `streaming` is false."""

    def __init__(
        self,
        body: Mapping[str, Any],
        model: str,
        id: str,
        streaming: bool,
        told: Conversation | None = None,
    ) -> None:
        self._told = told or Conversation(id, False)
        self._told.fails = self.failed
        self._body = body
        self._model = model
        self._id = id
        self._streaming = streaming
        self._response: dict[str, Any] = {}
        self._events: list[bytes] = []
        self._number = 0
        self._items: list[Item] = []
        self._open: Item | None = None
        self._calls: dict[int, Item] = {}
        self._offered: Mapping[str, Offered] | None = None
        self._reason = "stop"
        self._usage = NO_USAGE

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The events for these deltas, joined; nothing where the reply is one document."""
        for one in deltas:
            if type(one) is TextDelta:
                self._text(one)
            else:
                self._take(one)
        return self._flushed()

    def close(self) -> bytes:
        """The events that end the reply, or the document."""
        self._start("", 0)
        status = "completed" if self._reason in ("stop", "tool_calls") else "incomplete"
        self._shut()
        for call in self._calls.values():
            self._call_done(call)
        for item in self._items:
            if status == "incomplete" and item is self._items[-1] and "status" in item.value:
                item.value["status"] = status
        response = self._response
        response["status"] = status
        if status == "incomplete":
            why = "max_output_tokens" if self._reason == "length" else "content_filter"
            response["incomplete_details"] = {"reason": why}
        response["output"] = [item.value for item in self._items]
        response["usage"] = usage_object(self._usage)
        self._told.final = response
        if not self._streaming:
            return orjson.dumps(response)
        self._emit(f"response.{status}", response=response)
        return self._flushed()

    def failed(self, error: GatewayError) -> bytes:
        """The event that ends a reply which broke."""
        self._start("", 0)
        done = [one.value for one in self._items if one.value.get("status") != "in_progress"]
        told = {"code": error.code or "server_error", "message": error.message}
        response = {**self._response, "status": "failed", "error": told, "output": done}
        self._emit("response.failed", response=response)
        return self._flushed()

    def _flushed(self) -> bytes:
        joined = b"".join(self._events)
        self._events.clear()
        return joined

    def _emit(self, kind: str, **fields: Any) -> None:
        if self._streaming:
            event = {"type": kind, "sequence_number": self._number, **fields}
            self._number += 1
            self._events.append(
                b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
            )

    def _start(self, id: str, created: int) -> None:
        if not self._response:
            self._id = id if id.startswith("resp_") else f"resp_{self._id}"
            self._response = response_object(
                self._body, self._id, self._model, created, self._told.keeps
            )
            self._emit("response.created", response=self._response)
            self._emit("response.in_progress", response=self._response)

    def _take(self, one: Delta) -> None:
        if type(one) is Consumed:
            self._usage = one.usage
            return
        if type(one) is Begin:
            self._start(one.id, one.created)
            return
        self._start("", 0)
        if type(one) is ThoughtDelta:
            self._thought(one)
        elif type(one) is ToolBegin:
            self._call(one)
        elif type(one) is ToolArguments:
            self._arguments(one)
        elif type(one) is RefusalDelta:
            self._refusal(one)
        elif type(one) is CitationDelta:
            self._cite(one)
        elif type(one) is LogprobsDelta:
            self._score(one)
        elif type(one) is ImageDelta:
            self._image(one)
        elif type(one) is Finish and not one.choice:
            self._reason = one.reason

    def _add(self, prefix: str, value: dict[str, Any]) -> Item:
        index = len(self._items)
        item = Item(index, {"id": f"{prefix}_{self._id[5:]}_{index}", **value})
        self._items.append(item)
        self._emit("response.output_item.added", output_index=index, item=item.value)
        return item

    def _place(self, item: Item) -> dict[str, Any]:
        place = {"item_id": item.value["id"], "output_index": item.index}
        if item.value["type"] == "message":
            place["content_index"] = len(item.value["content"]) - 1
        elif item.value["type"] == "reasoning":
            place["summary_index"] = 0
        return place

    def _message(self, kind: str) -> Item:
        """The open message with its open part of this kind."""
        item = self._open
        if item is None or item.value["type"] != "message":
            self._shut()
            head = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
            item = self._open = self._add("msg", head)
        if item.part is None or item.part["type"] != kind:
            self._part_done(item)
            if kind == "output_text":
                item.part = {"type": kind, "text": "", "annotations": [], "logprobs": []}
            else:
                item.part = {"type": kind, "refusal": ""}
            item.value["content"].append(item.part)
            self._emit("response.content_part.added", **self._place(item), part=item.part)
        return item

    def _text(self, one: TextDelta) -> None:
        if not one.text or one.choice:
            return
        item = self._open
        if item is None or item.part is None or item.part["type"] != "output_text":
            self._start("", 0)
            item = self._message("output_text")
        item.pieces.append(one.text)
        if self._streaming:
            event = {
                "type": "response.output_text.delta",
                "sequence_number": self._number,
                "item_id": item.value["id"],
                "output_index": item.index,
                "content_index": len(item.value["content"]) - 1,
                "delta": one.text,
                "logprobs": [],
            }
            self._number += 1
            self._events.append(_TEXT_EVENT + orjson.dumps(event) + b"\n\n")

    def _refusal(self, one: RefusalDelta) -> None:
        item = self._message("refusal")
        item.pieces.append(one.text)
        self._emit("response.refusal.delta", **self._place(item), delta=one.text)

    def _part_done(self, item: Item) -> None:
        part, words = item.part, "".join(item.pieces)
        if part is None:
            return
        item.part = None
        item.pieces.clear()
        place = self._place(item)
        if part["type"] == "refusal":
            part["refusal"] = words
            self._emit("response.refusal.done", **place, refusal=words)
        else:
            part["text"] = words
            scores = part["logprobs"]
            self._emit("response.output_text.done", **place, text=words, logprobs=scores)
        self._emit("response.content_part.done", **place, part=part)

    def _thought(self, one: ThoughtDelta) -> None:
        item = self._open
        if item is None or item.value["type"] != "reasoning":
            self._shut()
            item = self._open = self._add("rs", {"type": "reasoning", "summary": []})
        if one.text:
            if item.part is None:
                item.part = {"type": "summary_text", "text": ""}
                item.value["summary"].append(item.part)
                added = "response.reasoning_summary_part.added"
                self._emit(added, **self._place(item), part=item.part)
            item.pieces.append(one.text)
            more = "response.reasoning_summary_text.delta"
            self._emit(more, **self._place(item), delta=one.text)
        if one.signature or one.data:
            item.value["encrypted_content"] = wrap(one.family, one.signature, one.data)
            self._shut()

    def _shut(self) -> None:
        """Finish the open message or thought."""
        item, self._open = self._open, None
        if item is None:
            return
        if item.value["type"] == "message":
            self._part_done(item)
            item.value["status"] = "completed"
        elif item.part is not None:
            words = item.part["text"] = "".join(item.pieces)
            place = self._place(item)
            self._emit("response.reasoning_summary_text.done", **place, text=words)
            self._emit("response.reasoning_summary_part.done", **place, part=item.part)
        self._emit("response.output_item.done", output_index=item.index, item=item.value)

    def _call(self, one: ToolBegin) -> None:
        self._shut()
        if self._offered is None:
            self._offered = offered(self._body.get("tools"))
        tool = self._offered.get(one.name) or Offered("function", one.name)
        kind = "custom" if one.custom else tool.kind
        head = {"status": "in_progress", "call_id": one.id}
        if kind == SHELL:
            value = {"type": "local_shell_call", **head, "action": shell_action("")}
        else:
            if tool.namespace:
                head["namespace"] = tool.namespace
            custom = kind == "custom"
            called = {"type": "custom_tool_call" if custom else "function_call", **head}
            value = {**called, "name": tool.name, "input" if custom else "arguments": ""}
        item = self._calls[one.index] = self._add(_CALLS.get(kind, "fc"), value)
        item.emulated = kind != "function" and not one.custom

    def _arguments(self, one: ToolArguments) -> None:
        item = self._calls.get(one.index)
        if item is None or not one.text:
            return
        item.pieces.append(one.text)
        if item.emulated:
            return
        kind = "function_call_arguments" if "arguments" in item.value else "custom_tool_call_input"
        self._emit(f"response.{kind}.delta", **self._place(item), delta=one.text)

    def _call_done(self, item: Item) -> None:
        words, place = "".join(item.pieces), self._place(item)
        if item.emulated and "input" in item.value:
            words = custom_input(words)
            self._emit("response.custom_tool_call_input.delta", **place, delta=words)
        if "action" in item.value:
            item.value["action"] = shell_action(words)
        elif "arguments" in item.value:
            item.value["arguments"] = words = words or "{}"
            kind = "response.function_call_arguments.done"
            self._emit(kind, **place, name=item.value["name"], arguments=words)
        else:
            item.value["input"] = words
            self._emit("response.custom_tool_call_input.done", **place, input=words)
        item.value["status"] = "completed"
        self._emit("response.output_item.done", output_index=item.index, item=item.value)

    def _cite(self, one: CitationDelta) -> None:
        said = one.rest if "type" in one.rest else _citation(one)
        item = self._open
        if item is not None and item.part is not None and item.part["type"] == "output_text":
            item.part["annotations"].append(said)
            number = len(item.part["annotations"]) - 1
            kind = "response.output_text.annotation.added"
            self._emit(kind, **self._place(item), annotation_index=number, annotation=said)
            return
        for part in self._last_parts():
            part["annotations"].append(said)

    def _score(self, one: LogprobsDelta) -> None:
        for part in self._last_parts():
            part["logprobs"].extend(one.logprobs.get("content") or ())

    def _last_parts(self) -> list[dict[str, Any]]:
        """The text that was said last, if any was."""
        for item in reversed(self._items):
            for part in reversed(item.value.get("content") or ()):
                if part["type"] == "output_text":
                    return [part]
        return []

    def _image(self, one: ImageDelta) -> None:
        self._shut()
        form = one.mime.removeprefix("image/") or "png"
        head = {"type": "image_generation_call", "status": "completed", "output_format": form}
        item = self._add("ig", {**head, "result": one.data})
        self._emit("response.output_item.done", output_index=item.index, item=item.value)


def _citation(one: CitationDelta) -> dict[str, Any]:
    return {
        "type": "url_citation",
        "url": one.url,
        "title": one.title,
        "start_index": one.start or 0,
        "end_index": one.end or 0,
    }
