"""What a reply said, taken from deltas and from recorded replies, so that both can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.deltas import (
    Consumed,
    Delta,
    Finish,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.responses.reader import ResponsesInterpreter
from pipelines.usage import Usage
from tests.fakes.recordings import Recording, recordings

CALLS = ("function_call", "custom_tool_call")
# Errors under status 200, one stream that was recorded up to its middle, and one of another format.
NO_ANSWER = frozenset(
    {
        "openai/openai-error.1.chunks.txt",
        "openai/openai-error.1.json",
        "openai/parallel-tool-call-wrapper.1.chunks.txt",
        "openai/reasoning-model-temperature-error.json",
        "openai/test_google__test_thinking_with_tool_calls_from_other_model.vcr.json#3",
    }
)


@dataclass(frozen=True)
class Said:
    """What one reply said."""

    text: str
    thought: str
    refusal: str
    calls: tuple[tuple[str, str, str], ...]
    reasons: tuple[str, ...]
    usage: Usage | None


def said(deltas: Sequence[Delta]) -> Said:
    """What these deltas say."""
    arguments: dict[int, str] = {}
    for one in deltas:
        if type(one) is ToolArguments:
            arguments[one.index] = arguments.get(one.index, "") + one.text
    usages = [one.usage for one in deltas if type(one) is Consumed]
    return Said(
        text="".join(one.text for one in deltas if type(one) is TextDelta),
        thought="".join(one.text for one in deltas if type(one) is ThoughtDelta),
        refusal="".join(one.text for one in deltas if type(one) is RefusalDelta),
        calls=tuple(
            (one.id, one.name, arguments.get(one.index, "") or "{}")
            for one in deltas
            if type(one) is ToolBegin
        ),
        reasons=tuple(one.reason for one in deltas if type(one) is Finish),
        usage=usages[-1] if usages else None,
    )


def read_stream(pieces: Iterable[bytes], provider: str = "OpenAI") -> list[Delta]:
    """The deltas of a stream that came in these pieces."""
    reader, frames = ResponsesInterpreter(provider), SseFrames()
    deltas: list[Delta] = []
    for piece in pieces:
        for name, value in frames.feed(piece):
            deltas += reader.event(name, value)
    for name, value in frames.close():
        deltas += reader.event(name, value)
    return deltas + reader.end(frames.done)


def read(recording: Recording) -> list[Delta]:
    """The deltas of a recording."""
    if recording.streamed:
        return read_stream(recording.chunks)
    return ResponsesInterpreter("OpenAI").document(json.loads(recording.whole))


def held(recording: Recording) -> tuple[str, str, list[tuple[str, str, str]], tuple[int, int]]:
    """Words, reasoning, calls and token counts as the recording's own finished items hold them."""
    response = _response(recording)
    text, thought, calls = "", "", []
    for item in response["output"]:
        if item["type"] == "message":
            text += "".join(part.get("text", "") for part in item["content"])
        elif item["type"] == "reasoning":
            parts = [*(item.get("summary") or ()), *(item.get("content") or ())]
            thought += "".join(part["text"] for part in parts)
        elif item["type"] in CALLS:
            calls.append((item["call_id"], item["name"], item.get("arguments") or item["input"]))
    usage = response.get("usage") or {"input_tokens": 0, "output_tokens": 0}
    return text, thought, calls, (usage["input_tokens"], usage["output_tokens"])


def _response(recording: Recording) -> dict[str, Any]:
    if not recording.streamed:
        document: dict[str, Any] = json.loads(recording.whole)
        return document
    frames, items, response = SseFrames(), {}, {}
    for _, value in frames.feed(recording.whole) + frames.close():
        if value["type"] == "response.output_item.done":
            items[value["output_index"]] = value["item"]
        elif value["type"] in ("response.completed", "response.incomplete"):
            response = value["response"]
    output = [items[index] for index in sorted(items)] if items else response["output"]
    return {**response, "output": output}


def answers() -> list[Recording]:
    """Every recorded Responses reply that is an answer."""
    return [
        one
        for one in recordings()
        if one.endpoint == "responses" and one.status == 200 and one.name not in NO_ANSWER
    ]
