"""Puts an answer of the mock provider into OpenAI's objects: one document, or event by event.

The rule: the fields and their order are those that OpenAI sends; `usage` is null on every event
but the last where it was asked for, and absent where it was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

import orjson

from proxy.transport.mock_words import Answer, Kind, Piece

CREATED = 1735689600
DONE = b"data: [DONE]\n\n"

Fields = dict[str, Any]


class Part(Enum):
    """What bytes are to their reply: one more word, something beside the words, or its ending."""

    WORD = "word"
    BESIDE = "beside"
    ENDING = "ending"


class Read(NamedTuple):
    """Bytes that arrive together."""

    raw: bytes
    part: Part


@dataclass(frozen=True, slots=True)
class Said:
    """The answers to one call, and what their reply must also tell."""

    id: str
    model: str
    answers: Sequence[Answer]
    prompt_words: int
    wants_usage: bool

    @property
    def rounds(self) -> int:
        """How many words the longest answer has."""
        return max(len(answer.pieces) for answer in self.answers)

    def usage(self) -> Fields:
        """What was used, in words."""
        completion = sum(len(answer.pieces) for answer in self.answers)
        return {
            "prompt_tokens": self.prompt_words,
            "completion_tokens": completion,
            "total_tokens": self.prompt_words + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": sum(answer.thoughts for answer in self.answers)
            },
        }


class Form(Protocol):
    """How one dialect writes a choice."""

    @property
    def names(self) -> tuple[str, str, str]:
        """The prefix of ids, and the `object` of a document and of an event."""

    def opening(self, answer: Answer) -> Fields | None:
        """What comes before the first word, if anything."""

    def deltas(self, answer: Answer, piece: Piece) -> list[Fields]:
        """What says one piece; the last one is the piece itself."""

    def choice(self, index: int, delta: Fields | None, finish: str | None) -> Fields:
        """A choice of an event; no delta ends it."""

    def whole(self, index: int, answer: Answer) -> Fields:
        """A choice of a document."""


class ChatForm:
    """Chat completions."""

    names = ("chatcmpl", "chat.completion", "chat.completion.chunk")

    def opening(self, answer: Answer) -> Fields | None:
        """The role, once."""
        return {"role": "assistant", "content": None if answer.calls else ""}

    def deltas(self, answer: Answer, piece: Piece) -> list[Fields]:
        """A word, or a fragment of a tool call, whose name comes before its first one."""
        if piece.kind is not Kind.ARGUMENTS:
            return [{piece.kind.value: piece.text}]
        fragment = {"index": piece.call, "function": {"arguments": piece.text}}
        if not piece.begins:
            return [{"tool_calls": [fragment]}]
        begun = {"index": piece.call, **_call(answer, piece.call, "")}
        return [{"tool_calls": [begun]}, {"tool_calls": [fragment]}]

    def choice(self, index: int, delta: Fields | None, finish: str | None) -> Fields:
        """A choice with its delta."""
        return {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}

    def whole(self, index: int, answer: Answer) -> Fields:
        """A choice with its message."""
        text = None if answer.calls else answer.joined(Kind.TEXT)
        message: Fields = {"role": "assistant", "content": text, "refusal": None}
        if answer.thoughts:
            message["reasoning_content"] = answer.joined(Kind.THOUGHT)
        if answer.calls:
            message["tool_calls"] = [
                _call(answer, number, answer.joined(Kind.ARGUMENTS, number))
                for number in range(len(answer.calls))
            ]
        return {
            "index": index,
            "message": message,
            "logprobs": None,
            "finish_reason": answer.finish,
        }


class TextForm:
    """The old completions."""

    names = ("cmpl", "text_completion", "text_completion")

    def opening(self, answer: Answer) -> Fields | None:
        """Nothing."""
        return None

    def deltas(self, answer: Answer, piece: Piece) -> list[Fields]:
        """A word."""
        return [{"text": piece.text}]

    def choice(self, index: int, delta: Fields | None, finish: str | None) -> Fields:
        """A choice with its text."""
        text = delta or {"text": ""}
        return {**text, "index": index, "logprobs": None, "finish_reason": finish}

    def whole(self, index: int, answer: Answer) -> Fields:
        """A choice with the whole text."""
        return self.choice(index, {"text": answer.joined(Kind.TEXT)}, answer.finish)


def document(form: Form, said: Said) -> Fields:
    """The reply that is not streamed."""
    prefix, name, _ = form.names
    whole = [form.whole(index, answer) for index, answer in enumerate(said.answers)]
    return {**_frame(said, prefix, name), "choices": whole, "usage": said.usage()}


def events(form: Form, said: Said) -> Iterator[Read]:
    """The reply event by event; all choices say their next word in the same round."""
    prefix, _, name = form.names
    frame = _frame(said, prefix, name)

    def event(choices: list[Fields], usage: Fields | None = None) -> bytes:
        counted = {"usage": usage} if said.wants_usage else {}
        return b"data: " + orjson.dumps({**frame, "choices": choices, **counted}) + b"\n\n"

    numbered = list(enumerate(said.answers))
    for index, answer in numbered:
        opening = form.opening(answer)
        if opening is not None:
            yield Read(event([form.choice(index, opening, None)]), Part.BESIDE)
    for number in range(said.rounds):
        part = Part.WORD
        for index, answer in numbered:
            if number < len(answer.pieces):
                *before, word = form.deltas(answer, answer.pieces[number])
                for delta in before:
                    yield Read(event([form.choice(index, delta, None)]), Part.BESIDE)
                yield Read(event([form.choice(index, word, None)]), part)
                part = Part.BESIDE
    for index, answer in numbered:
        yield Read(event([form.choice(index, None, answer.finish)]), Part.ENDING)
    if said.wants_usage:
        yield Read(event([], said.usage()), Part.ENDING)
    yield Read(DONE, Part.ENDING)


def _frame(said: Said, prefix: str, name: str) -> Fields:
    return {
        "id": f"{prefix}-{said.id}",
        "object": name,
        "created": CREATED,
        "model": said.model,
        "system_fingerprint": "fp_mock",
    }


def _call(answer: Answer, number: int, arguments: str) -> Fields:
    call = answer.calls[number]
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}
