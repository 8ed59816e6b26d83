"""Decides what the mock provider says to a call: words, reasoning, or calls of tools.

The rule: the same call is always answered with the same words, and a word is a token.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeGuard

import orjson

from proxy.transport.mock_schema import BadSchema, sample
from proxy.transport.mock_script import Script

FRAGMENT = 8
EXCERPT_WORDS = 10
EXCERPT_LENGTH = 100
MAX_CHOICES = 128
MAX_PIECES = 100_000

Body = Mapping[str, Any]

NOTHING: Body = MappingProxyType({})


class BadRequest(ValueError):
    """A call that OpenAI would refuse too; `param` names the field that is wrong, if one is."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class Kind(Enum):
    """What a piece belongs to, under the name of its field on the wire."""

    THOUGHT = "reasoning_content"
    TEXT = "content"
    ARGUMENTS = "arguments"


@dataclass(frozen=True, slots=True)
class Piece:
    """One word of the reply, or one fragment of the arguments of its `call`-th tool call.

    `begins` marks the first fragment of a call.
    """

    kind: Kind
    text: str
    call: int = 0
    begins: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool, without its arguments."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one choice says, piece by piece, and why it ends."""

    pieces: tuple[Piece, ...]
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"

    def joined(self, kind: Kind, call: int = 0) -> str:
        """The text of all pieces of a kind."""
        return "".join(p.text for p in self.pieces if p.kind is kind and p.call == call)

    @property
    def thoughts(self) -> int:
        """How many words are reasoning."""
        return sum(piece.kind is Kind.THOUGHT for piece in self.pieces)


def answer_chat(body: Body, script: Script) -> Answer:
    """What a chat is answered with. Raises BadRequest."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("'messages' must be a list that is not empty.", "messages")
    talk = [message for message in messages if isinstance(message, dict)]
    thought = _pieces(Kind.THOUGHT, _numbered("thought", script.thoughts))
    functions = _called(body, script, talk)
    if functions:
        calls, pieces = _tool_calls(functions)
        return _limited(Answer((*thought, *pieces), calls, "tool_calls"), body)
    text = _chat_text(script, talk)
    formatted = _formatted(body, text)
    if formatted is not None:
        pieces = _pieces(Kind.TEXT, _fragments(formatted))
    else:
        pieces = _pieces(Kind.TEXT, split(_stopped(text, body.get("stop"))))
    return _limited(Answer((*thought, *pieces)), body)


def heard(body: Body) -> int:
    """How many words the messages of a chat hold."""
    messages = (row for row in body["messages"] if isinstance(row, dict))
    return sum(len(text_of(message.get("content")).split()) for message in messages)


def answer_prompt(prompt: str, body: Body, script: Script) -> Answer:
    """What one prompt of the old completions is answered with. Raises BadRequest."""
    text = _text(script, prompt, "You said")
    return _limited(Answer(_pieces(Kind.TEXT, split(_stopped(text, body.get("stop"))))), body)


def count(body: Body, field: str, most: int) -> int | None:
    """A field that holds a whole number from one on. Raises BadRequest."""
    value = body.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadRequest(f"{field!r} must be a whole number from 1 to {most}.", field)
    return value


def choices(body: Body, answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Each answer as often as `n` asks for. Raises BadRequest."""
    times = count(body, "n", MAX_CHOICES) or 1
    chosen: list[Answer] = []
    left = MAX_PIECES
    for answer in answers:
        left -= times * len(answer.pieces)
        if left < 0:
            raise BadRequest(f"The mock provider says at most {MAX_PIECES} words.", "n")
        chosen += [answer] * times
    return tuple(chosen)


def texts_of(body: Body, field: str) -> list[str]:
    """The texts of a prompt or an input; a token stands as one word. Raises BadRequest."""
    value = body.get(field)
    rows = value if isinstance(value, list) and not _is_tokens(value) else [value]
    texts = [" ".join(map(str, row)) if _is_tokens(row) else row for row in rows]
    good = [text for text in texts if isinstance(text, str)]
    if not good or len(good) < len(texts):
        raise BadRequest(f"{field!r} must be a string, tokens, or a list of these.", field)
    return good


def split(text: str) -> list[str]:
    """The words of a text; joined again they are the text, to the blank."""
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    if not ends:
        return [text] if text else []
    starts = [0, *ends[:-1]]
    ends[-1] = len(text)
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def text_of(content: object) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return " ".join(text for text in texts if isinstance(text, str))


def _is_tokens(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def _chat_text(script: Script, talk: Sequence[Body]) -> str:
    last = talk[-1] if talk else NOTHING
    if last.get("role") in ("tool", "function") and not script.echo:
        return _text(script, text_of(last.get("content")), "The tool said")
    asked = (message for message in reversed(talk) if message.get("role") == "user")
    return _text(script, text_of(next(asked, NOTHING).get("content")), "You said")


def _text(script: Script, asked: str, who: str) -> str:
    if script.words is not None:
        return " ".join(_numbered("word", script.words, before=""))
    if script.echo:
        return asked
    excerpt = " ".join(asked.split()[:EXCERPT_WORDS])[:EXCERPT_LENGTH]
    said = f'{who}: "{excerpt}". ' if excerpt else ""
    return (
        f"Hello! {said}I am the demo model of Headgate, a gateway that puts one OpenAI-compatible "
        "address in front of many language models. No provider was asked: the gateway made this "
        "up, word by word. Give it a provider's key to talk to a real model."
    )


def _numbered(name: str, number: int, before: str = " ") -> Iterator[str]:
    return (f"{before if index > 1 else ''}{name}{index}" for index in range(1, number + 1))


def _fragments(text: str) -> list[str]:
    return [text[start : start + FRAGMENT] for start in range(0, len(text), FRAGMENT)]


def _pieces(kind: Kind, texts: Iterable[str]) -> tuple[Piece, ...]:
    return tuple(Piece(kind, text) for text in texts)


def _stopped(text: str, stop: object) -> str:
    marks = stop if isinstance(stop, list) else [stop]
    for mark in marks:
        if isinstance(mark, str) and mark:
            text = text.partition(mark)[0]
    return text


def _limited(answer: Answer, body: Body) -> Answer:
    """The answer cut to the number of words that the call allows."""
    most = count(body, "max_completion_tokens", 1 << 53) or count(body, "max_tokens", 1 << 53)
    if most is None or len(answer.pieces) <= most:
        return answer
    pieces = answer.pieces[:most]
    begun = 1 + max((p.call for p in pieces if p.kind is Kind.ARGUMENTS), default=-1)
    return Answer(pieces, answer.calls[:begun], "length")


def _formatted(body: Body, text: str) -> str | None:
    """The answer as the JSON that `response_format` asks for, or None where it asks for none."""
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "json_object":
        return orjson.dumps({"answer": text}).decode()
    if not isinstance(form, dict) or kind != "json_schema":
        return None
    named = form.get("json_schema")
    if not isinstance(named, dict) or not isinstance(named.get("schema"), dict):
        raise BadRequest("'response_format.json_schema.schema' is missing.", "response_format")
    return _sampled(named["schema"], "response_format")


def _sampled(schema: object, param: str) -> str:
    try:
        return orjson.dumps(sample(schema)).decode()
    except BadSchema as error:
        raise BadRequest(f"The schema in {param!r} cannot be met: {error}.", param) from None


def _called(body: Body, script: Script, talk: Sequence[Body]) -> Sequence[Body]:
    """The functions that this call makes the model call; none for an answer in words."""
    functions = _functions(body.get("tools"))
    choice = body.get("tool_choice")
    answered = bool(talk) and talk[-1].get("role") in ("tool", "function")
    if answered or choice == "none" or not functions:
        return ()
    if isinstance(choice, dict):
        allowed = choice.get("allowed_tools")
        if not isinstance(allowed, dict):
            return _named(functions, [choice])
        functions = _named(functions, allowed.get("tools"))
        choice = allowed.get("mode")
    if choice != "required" and not script.tools:
        return ()
    one = body.get("parallel_tool_calls") is False
    return functions[: 1 if one else max(1, script.tools)]


def _functions(tools: object) -> list[Body]:
    rows = tools if isinstance(tools, list) else []
    functions = (row.get("function") for row in rows if isinstance(row, dict))
    return [f for f in functions if isinstance(f, dict) and isinstance(f.get("name"), str)]


def _named(functions: list[Body], tools: object) -> list[Body]:
    names = [function["name"] for function in _functions(tools)]
    found = [function for function in functions if function["name"] in names]
    if not found:
        raise BadRequest("'tool_choice' names a tool that is not in 'tools'.", "tool_choice")
    return found


def _tool_calls(functions: Sequence[Body]) -> tuple[tuple[ToolCall, ...], tuple[Piece, ...]]:
    calls: list[ToolCall] = []
    pieces: list[Piece] = []
    for index, function in enumerate(functions):
        arguments = _sampled(function.get("parameters") or {"type": "object"}, "tools")
        digest = hashlib.sha256(f"{index} {function['name']} {arguments}".encode()).hexdigest()
        calls.append(ToolCall(f"call_{digest[:24]}", function["name"]))
        for start, fragment in enumerate(_fragments(arguments)):
            pieces.append(Piece(Kind.ARGUMENTS, fragment, index, start == 0))
    return tuple(calls), tuple(pieces)
