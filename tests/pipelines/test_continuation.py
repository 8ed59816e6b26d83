"""An answer that breaks off is gone on with: nothing is said twice, and nothing is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.continuation import Continuation
from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.errors import GatewayError, StreamBroken, Unsupported
from pipelines.events import Data, End, Event, Flow, Head
from pipelines.exchange import Exchange
from pipelines.operations import (
    CHAT,
    COHERE,
    GENERATE,
    MESSAGES,
    OLLAMA_CHAT,
    RESPONSES,
    Operation,
)
from pipelines.prompt import Prompt, Text
from pipelines.provider import Endpoint
from pipelines.registry import DIALECTS
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.stages.translate import Translate
from pipelines.usage import NO_USAGE, Usage
from tests.builders import a_deployment, a_principal, a_provider, an_exchange, taken
from tests.fakes.ports import FakeClock
from tests.pipelines.stages.test_route import a_route

TEXT = (
    "The gateway stands at the head of the canal, and lets through as much water as the fields "
    "can take.  Its keeper walks the bank twice a day;\n\nhe knows each of the boards by its "
    "sound, and lifts them one by one when the river is high.\n- first the oak\n- then the elm\n"
    "At night — so they say — nobody lifts anything: déjà vu, naïve, 漢字, 🌊 and all the rest of "
    "what the miller told us before he went down to the sea with his last three mules."
)
# With each of the providers: for every client there are more than fifty.
CUTS = 12
CLIENTS: dict[str, tuple[Operation, dict[str, Any]]] = {
    "openai-chat": (CHAT, {"messages": [{"role": "user", "content": "Tell me."}]}),
    "anthropic-messages": (
        MESSAGES,
        {"messages": [{"role": "user", "content": "Tell me."}], "max_tokens": 4000},
    ),
    "openai-responses": (RESPONSES, {"input": "Tell me."}),
    "gemini-generate": (GENERATE, {"contents": [{"role": "user", "parts": [{"text": "Tell"}]}]}),
    "ollama-chat": (OLLAMA_CHAT, {"messages": [{"role": "user", "content": "Tell me."}]}),
    "cohere-chat": (COHERE, {"messages": [{"role": "user", "content": "Tell me."}]}),
}
# A provider's name, what it speaks, its model, and whether it takes a prefill.
PROVIDERS = {
    "acme": ("openai-chat", "gpt-4o", False),
    "mistral": ("openai-chat", "mistral-large", True),
    "claude": ("anthropic-messages", "claude-sonnet-4-5", True),
    "newest": ("anthropic-messages", "claude-opus-4-6", False),
    "ollama": ("ollama-chat", "llama3.1", True),
    "openai": ("openai-responses", "gpt-5", False),
    "gemini": ("gemini-generate", "gemini-2.5-pro", False),
    "cohere": ("cohere-chat", "command-a", False),
}


def asked(dialect: str, **more: Any) -> Call:
    """A streamed call of a client that speaks the dialect."""
    operation, body = CLIENTS[dialect]
    stream = {} if dialect == "gemini-generate" else {"stream": True}
    raw = orjson.dumps({"model": "gpt", **stream, **body, **more})
    call = Call(operation, raw, [], path_model="gpt" if "{model}" in operation.path else None)
    call.path_streams = True
    return call


def pieces(text: str, random: Random) -> list[str]:
    """The text in pieces of a few characters."""
    found = []
    while text:
        size = random.randint(1, 9)
        found.append(text[:size])
        text = text[size:]
    return found


@dataclass
class Mock:
    """Providers that tell one text, break off where they are told to, and go on as they like."""

    random: Random
    cuts: list[int]
    repeats: str = "as asked"
    lead: Sequence[Delta] = ()
    asked: list[Prompt] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, exchange: Exchange) -> Flow:
        dialect = DIALECTS[exchange.upstream.dialect]
        operation = CLIENTS[dialect.name][0]
        path_model = "m" if "{model}" in operation.path else None
        call = Call(operation, exchange.upstream.body, [], path_model=path_model)
        call.path_streams = True
        self.bodies.append(orjson.loads(exchange.upstream.body))
        prompt = dialect.parse(call)
        self.asked.append(prompt)
        return self._flow(dialect, call, self._rest(prompt))

    def _rest(self, prompt: Prompt) -> str:
        said = _words(prompt, "assistant")
        if not said:
            return TEXT
        assert TEXT.startswith(said)
        new = TEXT[len(said) :]
        if prompt.messages[-1].role == "assistant":
            return new
        anchor = _words(prompt, "user").partition("<<<<<<\n")[2].partition("\n>>>>>>")[0]
        assert said.endswith(anchor)
        how = self.random.choice(("as asked", "not", "more", "all"))
        how = how if self.repeats == "any" else self.repeats
        if how == "as asked":
            return anchor + new
        if how == "all":
            return TEXT
        if how == "more" and len(said) > 16:
            return said[-self.random.randint(16, min(300, len(said))) :] + new
        return new

    async def _flow(self, dialect: Any, call: Call, text: str) -> Flow:
        writer = dialect.writer(call, "r1")
        yield Head(200, [], dialect.media)
        cut = self.cuts.pop(0) if self.cuts else None
        shown = text if cut is None else text[:cut]
        yield Data(writer.write([Begin("r1", "m", 1), *self.lead]))
        for piece in pieces(shown, self.random):
            raw = writer.write([TextDelta(piece)])
            if raw:
                yield Data(raw)
        if cut is not None:
            raise StreamBroken("The provider went away.")
        usage = Consumed(Usage(100, 10))
        yield Data(writer.write([Finish("stop"), usage]) + writer.close())
        yield End(NO_USAGE)


def _words(prompt: Prompt, role: str) -> str:
    last = [one for one in prompt.messages if one.role == role][-1:]
    return "".join(part.text for one in last for part in one.parts if isinstance(part, Text))


class Run:
    """One call through route and translate."""

    def __init__(self, mock: Mock, call: Call, *providers: str, continues: bool = True) -> None:
        members = [self._deployment(name, at, continues) for at, name in enumerate(providers)]
        self.mock = mock
        self.exchange = an_exchange(call, a_principal())
        self.events: list[Event] = []
        self._translate = Translate(DIALECTS, RoutePolicy())
        self._route = a_route(Routes(members), FakeClock(), RoutePolicy(num_retries=0))

    def _deployment(self, name: str, at: int, continues: bool) -> Any:
        dialect, model, _ = PROVIDERS[name]
        provider = a_provider(name=name, endpoints={"one": Endpoint("/x", dialect)})
        return a_deployment(
            f"{name}-{at}", provider=provider, model=model, order=at, continues=continues
        )

    def run(self) -> None:
        flow = self._route(self.exchange, self._rest)
        asyncio.run(taken(flow, self.events))

    def fails(self) -> GatewayError:
        with pytest.raises(GatewayError) as raised:
            self.run()
        return raised.value

    def _rest(self) -> Flow:
        return self._translate(self.exchange, lambda: self.mock.answer(self.exchange))

    def deltas(self) -> list[Delta]:
        """What the client reads."""
        dialect = DIALECTS[self.exchange.call.operation.dialect]
        frames, reader = dialect.frames(dialect.media), dialect.interpreter("it")
        raw = b"".join(one.raw for one in self.events if type(one) is Data)
        found = [one for name, value in frames.feed(raw) for one in reader.event(name, value)]
        found += [one for name, value in frames.close() for one in reader.event(name, value)]
        return found + reader.end(frames.done)

    @property
    def text(self) -> str:
        return "".join(one.text for one in self.deltas() if type(one) is TextDelta)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_cuts_leave_no_character_out_and_repeat_none(client: str, provider: str) -> None:
    random = Random(f"{client} {provider}")
    for _ in range(CUTS):
        mock = Mock(random, [random.randint(0, len(TEXT))], "any")
        run = Run(mock, asked(client), "acme", provider)
        run.run()
        assert run.text == TEXT
        assert len(mock.bodies) == 2
        assert type(run.events[-1]) is End


@pytest.mark.parametrize("client", CLIENTS)
def test_a_reply_that_breaks_off_three_times_is_told_once(client: str) -> None:
    random = Random(client)
    for _ in range(20):
        mock = Mock(random, [random.randint(1, 150) for _ in range(3)], "any")
        run = Run(mock, asked(client), "acme", "claude", "gemini", "mistral")
        run.run()
        assert run.text == TEXT
        kinds = [one.kind for one in run.exchange.attempts]
        assert kinds == ["first", "continue", "continue", "continue"]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_client_is_told_what_all_attempts_consumed(client: str) -> None:
    mock = Mock(Random(1), [100])
    more = {"stream_options": {"include_usage": True}} if client == "openai-chat" else {}
    run = Run(mock, asked(client, **more), "acme", "claude")
    run.run()
    told = [one.usage for one in run.deltas() if type(one) is Consumed][-1]
    total = run.exchange.total_usage
    assert told.completion_tokens == total.completion_tokens == 10 + 25
    assert total.prompt_tokens > 100
    assert "continued:acme-0" in run.exchange.losses


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if PROVIDERS[name][2]])
def test_who_takes_a_prefill_gets_the_words_that_were_said(provider: str) -> None:
    mock = Mock(Random(1), [97])
    Run(mock, asked("openai-chat"), "acme", provider).run()
    assert mock.asked[1].messages[-1].role == "assistant"
    assert _words(mock.asked[1], "assistant") == TEXT[:97].rstrip()
    assert ("prefix" in mock.bodies[1]["messages"][-1]) == (provider == "mistral")


def test_the_length_that_is_left_is_asked_for() -> None:
    mock = Mock(Random(1), [200])
    Run(mock, asked("anthropic-messages"), "claude", "claude").run()
    assert mock.bodies[0]["max_tokens"] == 4000
    assert mock.bodies[1]["max_tokens"] == 4000 - 50


def test_an_answer_that_did_not_begin_is_begun_anew_with_its_own_body() -> None:
    mock = Mock(Random(1), [0])
    run = Run(mock, asked("openai-chat"), "acme", "acme")
    run.run()
    assert run.text == TEXT
    assert mock.bodies[0]["messages"] == mock.bodies[1]["messages"]


def test_nothing_goes_on_unless_the_operator_wants_it() -> None:
    mock = Mock(Random(1), [50])
    run = Run(mock, asked("openai-chat"), "acme", "acme", continues=False)
    assert isinstance(run.fails(), StreamBroken)
    assert len(mock.bodies) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"n": 2},
        {"response_format": {"type": "json_object"}},
        {"logprobs": True},
        {"modalities": ["text", "audio"]},
        {"web_search_options": {}},
    ],
)
def test_a_call_whose_answer_is_more_than_words_is_not_gone_on_with(more: dict[str, Any]) -> None:
    mock = Mock(Random(1), [50])
    run = Run(mock, asked("openai-chat", **more), "acme", "acme")
    assert isinstance(run.fails(), StreamBroken)
    assert len(mock.bodies) == 1


def test_an_open_tool_call_is_not_gone_on_with() -> None:
    lead = (ToolBegin(0, "call_1", "look"), ToolArguments(0, '{"a":'))
    run = Run(Mock(Random(1), [0], lead=lead), asked("openai-chat"), "acme", "acme")
    assert isinstance(run.fails(), StreamBroken)


@pytest.mark.parametrize("client", CLIENTS)
def test_tool_calls_that_are_complete_end_the_reply(client: str) -> None:
    lead = (TextDelta("I look."), ToolBegin(0, "call_1", "look"), ToolArguments(0, '{"a":1}'))
    run = Run(Mock(Random(1), [0], lead=lead), asked(client), "acme", "acme")
    run.run()
    told = run.deltas()
    assert [one.name for one in told if type(one) is ToolBegin] == ["look"]
    assert [one.reason for one in told if type(one) is Finish] == ["tool_calls"]
    assert "cut:provider" in run.exchange.losses
    assert isinstance(run.exchange.attempts[0].error, StreamBroken)


def test_thoughts_are_told_once() -> None:
    lead = (ThoughtDelta("Hm, water."),)
    run = Run(Mock(Random(1), [60], lead=lead), asked("openai-chat"), "acme", "acme")
    run.run()
    assert run.text == TEXT
    assert "".join(one.text for one in run.deltas() if type(one) is ThoughtDelta) == "Hm, water."


class Plain:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def write(self, deltas: Sequence[Delta]) -> bytes:
        self.deltas += deltas
        return b"x" * len(deltas)

    def close(self) -> bytes:
        return b""


def broken(*deltas: Delta) -> tuple[Continuation, Plain]:
    """A continuation after these."""
    found, plain = Continuation(), Plain()
    found.adopt(plain)
    found.write([Begin(), *deltas])
    return found, plain


@pytest.mark.parametrize(
    "last",
    [
        Finish("stop"),
        ImageDelta("AA", "image/png"),
        TextDelta("b", choice=1),
        ThoughtDelta("hm", family="anthropic"),
        ToolBegin(0, "c", "look"),
    ],
)
def test_after_some_things_nobody_can_go_on(last: Delta) -> None:
    assert broken(TextDelta("a"))[0].possible
    assert not broken(TextDelta("a"), last)[0].possible


def test_a_signed_thought_may_be_followed_by_another_deployments_words() -> None:
    assert broken(ThoughtDelta("hm", family="a"), ThoughtDelta(signature="s", family="a"))[
        0
    ].possible


def test_an_answer_in_other_words_is_refused_before_any_of_it_is_told() -> None:
    found, plain = broken(TextDelta(TEXT[:200]))
    found.resume("Acme", False, NO_USAGE)
    before = len(plain.deltas)
    with pytest.raises(Unsupported):
        found.write([TextDelta(TEXT[:120]), TextDelta("something else altogether")])
    assert len(plain.deltas) == before
    assert found.possible


def test_a_source_is_told_with_its_place_in_the_whole_answer() -> None:
    found, plain = broken(TextDelta("0123456789 abc"))
    found.resume("Acme", True, NO_USAGE)
    found.write([Begin(), TextDelta("defg"), CitationDelta("u", start=0, end=4)])
    last = plain.deltas[-1]
    assert type(last) is CitationDelta
    assert (last.start, last.end) == (14, 18)
