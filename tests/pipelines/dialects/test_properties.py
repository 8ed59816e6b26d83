"""What holds of every dialect of generation that clients speak: nothing changes on the way through
its words and back, and no cut between two reads is ever seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.call import Call
from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    Reason,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.base import Dialect
from pipelines.dialects.losses import Losses
from pipelines.operations import OPERATIONS, Operation
from pipelines.prompt import (
    Image,
    Message,
    Part,
    Prompt,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from pipelines.registry import DIALECTS
from pipelines.usage import Usage
from tests.builders import a_deployment
from tests.fuzz.subjects import a_call
from tests.pipelines.dialects.cuts import at

SPOKEN = (
    "openai-chat", "anthropic-messages", "openai-responses", "gemini-generate", "cohere-chat",
    "ollama-chat",
)  # fmt: skip
WORDS_ONLY = ("openai-completions", "ollama-generate")
OPERATION = {one.dialect: one for one in OPERATIONS if one.dialect in SPOKEN + WORDS_ONLY}
# Those that tell thoughts to every client; the others wait to be asked for them.
THINKING = frozenset({"openai-chat", "cohere-chat", "ollama-chat"})
# Ollama's calls have no id.
NAMELESS = frozenset({"ollama-chat"})
BRIEFLY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-z][a-z_]{0,10}", fullmatch=True)
ARGUMENTS = st.dictionaries(
    NAMES, st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=5)), max_size=3
)
PICTURES = st.builds(Image, data=st.just("iVBORw0KGgo="), mime=st.sampled_from(["image/png"]))
TOOLS = st.lists(
    st.builds(
        Tool,
        name=NAMES,
        description=WORDS,
        parameters=st.just({"type": "object", "properties": {"a": {"type": "string"}}}),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda tool: tool.name,
)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    """A talk with tools and pictures, in which the caller and the model take turns."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", [Text(draw(WORDS))]))
    tools = draw(TOOLS)
    for turn in range(draw(st.integers(0, 2))):
        messages.append(draw(users()))
        calls = draw(st.lists(st.tuples(st.sampled_from(tools), ARGUMENTS), max_size=2))
        said: list[Part] = [Text(draw(WORDS))] if draw(st.booleans()) or not calls else []
        called = [
            ToolCall(f"call_{turn}_{number}", tool.name, orjson.dumps(arguments).decode())
            for number, (tool, arguments) in enumerate(calls)
        ]
        messages.append(Message("assistant", [*said, *called]))
        if called:
            results: list[Part] = [
                ToolResult(one.id, [Text(draw(WORDS))], one.name) for one in called
            ]
            messages.append(Message("tool", results))
            messages.append(Message("assistant", [Text(draw(WORDS))]))
    messages.append(draw(users()))
    return Prompt(
        model="m",
        messages=messages,
        family="",
        stream=draw(st.booleans()),
        tools=tools,
        tool_choice=draw(st.sampled_from([None, *map(ToolChoice, ("auto", "none", "required"))])),  # type: ignore[arg-type]
        sampling=Sampling(
            max_tokens=draw(st.integers(16, 999)),
            temperature=draw(st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0]))),
            top_p=draw(st.one_of(st.none(), st.sampled_from([0.5, 0.25]))),
        ),
    )


@st.composite
def users(draw: st.DrawFn) -> Message:
    """A turn of the caller: words, and pictures after them."""
    pictures: list[Part] = list(draw(st.lists(PICTURES, max_size=1)))
    return Message("user", [Text(draw(WORDS)), *pictures])


def said_in(prompt: Prompt, nameless: bool) -> dict[str, Any]:
    """What a prompt says, whatever the ways to say it: parts of one role in a row are one turn."""
    turns: list[tuple[str, list[object]]] = []
    for message in prompt.messages:
        role = "system" if message.role == "developer" else message.role
        parts = [_meaning(part, nameless) for part in message.parts]
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(parts)
        else:
            turns.append((role, parts))
    return {
        "turns": [turn for turn in turns if turn[1]],
        "tools": [(one.name, one.description, one.parameters) for one in prompt.tools],
        "choice": prompt.tool_choice or ToolChoice("auto"),
        "stream": prompt.stream,
        "sampling": prompt.sampling,
    }


def _meaning(part: Part, nameless: bool) -> object:
    if isinstance(part, ToolCall):
        return ("call", "" if nameless else part.id, part.name, orjson.loads(part.arguments))
    if isinstance(part, ToolResult):
        return (
            "result",
            "" if nameless else part.id,
            [_meaning(one, nameless) for one in part.parts],
        )
    if isinstance(part, Image):
        return ("image", part.mime, part.data)
    assert isinstance(part, Text)
    return ("text", part.text)


@pytest.mark.parametrize("name", SPOKEN)
def test_a_prompt_stays_what_it_is_when_it_is_written_and_read(name: str) -> None:
    dialect, operation = DIALECTS[name], OPERATION[name]
    nameless = name in NAMELESS

    @BRIEFLY
    @given(prompts())
    def holds(prompt: Prompt) -> None:
        if nameless:
            # Ollama has no field for the choice of a tool.
            prompt = replace(prompt, tool_choice=None)
        losses = Losses("Acme", drop_params=True)
        body = dialect.render(prompt, a_deployment(model="m"), losses)
        call = Call(operation, orjson.dumps(body), [], path_model="m")
        call.path_streams = prompt.stream
        again = dialect.parse(call)
        assert said_in(again, nameless) == said_in(prompt, nameless)

    holds()


@st.composite
def replies(draw: st.DrawFn, name: str) -> list[Delta]:
    """One answer that a dialect can tell: thoughts and words in pieces, then calls one by one."""
    deltas: list[Delta] = [Begin("id_1", "m", 1_700_000_000)]
    if name in THINKING:
        deltas += [ThoughtDelta(one) for one in draw(st.lists(WORDS, max_size=2))]
    deltas += [TextDelta(one) for one in draw(st.lists(WORDS, max_size=4))]
    calls = draw(st.lists(st.tuples(NAMES, ARGUMENTS), max_size=0 if name in WORDS_ONLY else 3))
    for index, (name, arguments) in enumerate(calls):
        words = orjson.dumps(arguments).decode()
        middle = draw(st.integers(0, len(words)))
        deltas.append(ToolBegin(index, f"call_{index}", name))
        deltas += [ToolArguments(index, one) for one in (words[:middle], words[middle:]) if one]
    reason: Reason = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    usage = Usage(draw(st.integers(1, 999)), draw(st.integers(1, 999)))
    return [*deltas, Finish(reason), Consumed(usage)]


def told_by(deltas: Sequence[Delta], nameless: bool) -> dict[str, Any]:
    """What deltas say, whatever the pieces in which they say it."""
    calls: dict[int, list[str]] = {}
    words: dict[int, str] = {}
    finish = usage = None
    for one in deltas:
        if isinstance(one, ToolBegin):
            calls[one.index] = ["" if nameless else one.id, one.name]
        elif isinstance(one, ToolArguments):
            words[one.index] = words.get(one.index, "") + one.text
        elif isinstance(one, Finish):
            finish = one.reason
        elif isinstance(one, Consumed):
            usage = (one.usage.prompt_tokens, one.usage.completion_tokens)
    return {
        "text": "".join(one.text for one in deltas if isinstance(one, TextDelta)),
        "thought": "".join(one.text for one in deltas if isinstance(one, ThoughtDelta)),
        "calls": [(*one, orjson.loads(words.get(at) or "{}")) for at, one in calls.items()],
        "finish": finish,
        "usage": usage,
    }


def a_call_of(operation: Operation, streaming: bool) -> Call:
    """A call that asks for whatever its dialect tells only when asked."""
    call = a_call(operation, streaming)
    if operation.dialect in ("openai-chat", "openai-completions") and streaming:
        body = {**call.json, "stream_options": {"include_usage": True}}
        return Call(operation, orjson.dumps(body), [])
    return call


def streamed(dialect: Dialect, deltas: Sequence[Delta]) -> bytes:
    """A streamed reply in a dialect's own words, delta by delta."""
    writer = dialect.writer(a_call_of(OPERATION[dialect.name], True), "1")
    return b"".join([writer.write([one]) for one in deltas]) + writer.close()


def heard(dialect: Dialect, pieces: Sequence[bytes]) -> list[Delta]:
    """What a streamed reply means that comes in these pieces."""
    frames, reader = dialect.frames(dialect.media), dialect.interpreter("Acme")
    cut = [frame for raw in pieces for frame in frames.feed(raw)] + frames.close()
    deltas = [delta for name, value in cut for delta in reader.event(name, value)]
    assert frames.bad == 0
    return deltas + reader.end(frames.done)


@pytest.mark.parametrize("name", SPOKEN + WORDS_ONLY)
def test_a_streamed_reply_stays_what_it_is_wherever_it_is_cut(name: str) -> None:
    dialect, nameless = DIALECTS[name], name in NAMELESS

    @BRIEFLY
    @given(replies(name), st.lists(st.integers(0, 4000), max_size=8), st.booleans())
    def holds(deltas: list[Delta], places: list[int], crlf: bool) -> None:
        raw = streamed(dialect, deltas)
        if crlf:
            raw = raw.replace(b"\n", b"\r\n")
        pieces = at(raw, *(place % len(raw) for place in places))
        whole = heard(dialect, [raw])
        assert heard(dialect, pieces) == whole
        assert told_by(whole, nameless) == told_by(deltas, nameless)

    holds()


@pytest.mark.parametrize("name", SPOKEN + WORDS_ONLY)
def test_a_whole_reply_stays_what_it_is(name: str) -> None:
    dialect, nameless = DIALECTS[name], name in NAMELESS

    @BRIEFLY
    @given(replies(name))
    def holds(deltas: list[Delta]) -> None:
        writer = dialect.writer(a_call_of(OPERATION[name], False), "1")
        raw = writer.write(deltas) + writer.close()
        again = dialect.interpreter("Acme").document(orjson.loads(raw))
        assert told_by(again, nameless) == told_by(deltas, nameless)

    holds()
