"""Signed thoughts come back in their old places, to whoever made them, and to nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from pipelines.deltas import Delta, TextDelta, ThoughtDelta, ToolArguments, ToolBegin
from pipelines.deployment import Deployment
from pipelines.events import Data, End, Media
from pipelines.exchange import Exchange, Principal
from pipelines.operations import CHAT
from pipelines.prompt import Message, Prompt, Text, Thought, ToolCall
from pipelines.provider import Endpoint, Quirks
from pipelines.reasoning import (
    Kept,
    Listener,
    call_key,
    keys_of,
    listener_for,
    origin_of,
    restore,
    text_key,
)
from pipelines.registry import DIALECTS
from pipelines.routing.policy import RoutePolicy
from pipelines.stages.translate import Translate
from pipelines.usage import NO_USAGE
from proxy.stores.reasoning.memory import MemoryReasoning
from tests.builders import a_call, a_deployment, a_head, a_provider, an_exchange, flow_of, taken
from tests.fakes.ports import FakeClock

ID = "toolu_01A09q90qw90lq917835lq9"
QUESTION = "What is the weather?"
SIGNED = ThoughtDelta(signature="sig==", family="anthropic")
ANN, BOB = Principal("ann", "digest-of-ann"), Principal("bob", "digest-of-bob")


def heard(*deltas: Delta, plain: bool = False) -> dict[str, bytes]:
    """What is kept of a reply that d1 gave."""
    listener = Listener("d1/gpt", QUESTION, plain=plain)
    for one in deltas:
        listener.take([one])
    return listener.kept()


def asked(*parts: Any, question: str = QUESTION) -> Prompt:
    """A later call, with the assistant's turn made of these parts."""
    turns = [
        Message("user", [Text(question)]),
        Message("assistant", list(parts)),
        Message("user", [Text("Go on.")]),
    ]
    return Prompt("gpt", turns, "openai")


def restored(prompt: Prompt, found: dict[str, bytes], **deployment: Any) -> list[Any]:
    """The assistant's turn after what was kept of it was put back."""
    restore(prompt, found, a_deployment(**deployment))
    return prompt.messages[1].parts


def test_a_signed_thought_comes_back_before_the_words_and_the_call() -> None:
    found = heard(
        ThoughtDelta("Rome", family="anthropic"),
        ThoughtDelta(" has weather.", family="anthropic"),
        SIGNED,
        TextDelta("Let me see."),
        ToolBegin(0, ID, "weather"),
        ToolArguments(0, "{}"),
    )
    call = ToolCall(ID, "weather", "{}")
    parts = restored(asked(Text("Let me see."), call), found)
    thought = Thought("Rome has weather.", "sig==", family="anthropic")
    assert parts == [thought, Text("Let me see."), call]


def test_thoughts_between_calls_keep_their_places() -> None:
    def data(word: str) -> ThoughtDelta:
        return ThoughtDelta(data=word, id=f"rs_{word}", family="openai")

    found = heard(
        data("a"), ToolBegin(0, "x1", "f"), ToolArguments(0, "{}"),
        data("b"), ToolBegin(1, "x2", "f"), ToolArguments(1, "{}"), data("c"),
    )  # fmt: skip
    parts = restored(asked(ToolCall("x1", "f", "{}"), ToolCall("x2", "f", "{}")), found)
    assert [getattr(one, "data", "") or one.id for one in parts] == ["a", "x1", "b", "x2", "c"]


def test_a_calls_own_signature_comes_back_on_that_call_alone() -> None:
    found = heard(ToolBegin(0, "x1", "f", "sig=="), ToolBegin(1, "x2", "f"))
    first, second = restored(asked(ToolCall("x1", "f", ""), ToolCall("x2", "f", "{}")), found)
    assert (first.signature, second.signature) == ("sig==", "")


def test_an_answer_without_calls_is_known_by_its_words_though_they_were_trimmed() -> None:
    found = heard(ThoughtDelta("Hm.", family="anthropic"), SIGNED, TextDelta(" It is\n\nsunny. \n"))
    thought = Thought("Hm.", "sig==", family="anthropic")
    assert restored(asked(Text("It is\nsunny.")), found)[0] == thought
    assert restored(asked(Text("It is "), Text("sunny.")), found)[0] == thought
    assert restored(asked(Text("It is rainy.")), found) == [Text("It is rainy.")]
    other = asked(Text("It is sunny."), question="And tomorrow?")
    assert restored(other, found) == [Text("It is sunny.")]


def test_a_signature_after_the_words_comes_back_after_them() -> None:
    found = heard(TextDelta("Sunny."), ThoughtDelta(signature="sig==", family="gemini"))
    thought = Thought(signature="sig==", family="gemini")
    assert restored(asked(Text("Sunny.")), found) == [Text("Sunny."), thought]


def test_thoughts_that_the_client_kept_are_left_alone() -> None:
    found = heard(ThoughtDelta("Mine.", family="anthropic"), SIGNED, ToolBegin(0, ID, "f"))
    own = Thought("Its own.", "other==", family="anthropic")
    assert restored(asked(own, ToolCall(ID, "f", "{}")), found)[0] is own


def test_words_that_the_client_kept_without_their_signature_give_way() -> None:
    found = heard(ThoughtDelta("Whole.", family="anthropic"), SIGNED, ToolBegin(0, ID, "f"))
    parts = restored(asked(Thought("Whole."), ToolCall(ID, "f", "{}")), found)
    assert parts[0] == Thought("Whole.", "sig==", family="anthropic")
    assert len(parts) == 2


def test_a_last_turn_of_the_assistants_gets_no_thoughts() -> None:
    prompt = asked(Text("Sunny."))
    del prompt.messages[2]
    assert keys_of(prompt) == []


def test_what_another_deployment_signed_is_left_out_and_told() -> None:
    found = heard(ThoughtDelta(data="x", family="openai"), ToolBegin(0, ID, "f"))
    call = ToolCall(ID, "f", "{}")
    for deployment in (a_deployment("d2"), a_deployment(model="gpt-5")):
        prompt = asked(call)
        assert restore(prompt, found, deployment)
        assert prompt.messages[1].parts == [call]
    assert not restore(asked(call), found, a_deployment())


@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5@20250929",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-latest",
    ],
)  # fmt: skip
def test_claudes_thoughts_are_the_models_own_on_every_platform(model: str) -> None:
    assert origin_of(a_deployment("other", model=model)) == "claude-sonnet-4-5"


def test_unsigned_thoughts_are_kept_with_calls_and_only_where_they_are_wanted() -> None:
    said: Sequence[Delta] = (ThoughtDelta("Hm."), ToolBegin(0, ID, "f"))
    assert heard(*said) == {}
    assert heard(ThoughtDelta("Hm."), TextDelta("Sunny."), plain=True) == {}
    found = heard(*said, plain=True)
    assert restored(asked(ToolCall(ID, "f", "{}")), found)[0] == Thought("Hm.")
    own = Thought("Its own.")
    assert restored(asked(own, ToolCall(ID, "f", "{}")), found)[0] is own


def test_an_id_that_is_merely_counted_needs_the_same_call() -> None:
    assert call_key(ID, "f", "{}") == call_key(ID, "g", '{"a":1}')
    counted = "functions.get_the_current_weather:0"
    assert call_key(counted, "f", '{"a": 1, "b": 2}') == call_key(counted, "f", '{"b":2,"a":1}')
    assert call_key(counted, "f", '{"a":1}') != call_key(counted, "f", '{"a":2}')
    assert call_key("call_0", "f", "{") != call_key("call_0", "g", "{")


def test_long_texts_are_told_apart_by_their_ends() -> None:
    long = "word " * 10_000
    assert text_key("q", long) == text_key("q ", f" {long}\n")
    assert text_key("q", long) != text_key("q", f"{long} more")


def test_what_is_kept_is_the_same_after_the_store() -> None:
    kept = Kept("d1", [Thought("a", "s", family="anthropic")], tail=[Thought(data="d", id="rs")])
    assert Kept.unpacked(kept.packed()) == kept


def test_choices_are_kept_apart() -> None:
    found = heard(
        ToolBegin(0, "x1", "f", "one", choice=0),
        ToolBegin(0, "x2", "f", "two", choice=1),
    )
    assert restored(asked(ToolCall("x2", "f", "")), found)[0].signature == "two"


def test_gemini_is_heard_from_the_beginning_since_it_signs_at_the_end() -> None:
    deployment = a_deployment()
    assert listener_for(asked(), deployment, "gemini-generate").early
    assert not listener_for(asked(), deployment, "anthropic-messages").early
    wants = a_deployment(provider=a_provider(quirks=Quirks(returns_reasoning=True)))
    listener = listener_for(asked(), wants, "openai-chat")
    listener.take([ThoughtDelta("Hm."), ToolBegin(0, ID, "f")])
    assert listener.kept()


# From here on through the stage, with whole replies of providers.


def spoken_at(dialect: str, **more: Any) -> Deployment:
    """A deployment of a provider that speaks this dialect."""
    return a_deployment(provider=a_provider(endpoints={"any": Endpoint("/any", dialect)}), **more)


def passage(
    stage: Translate, deployment: Deployment, caller: Principal, reply: bytes, turns: list[Any]
) -> Exchange:
    """One call through translate."""
    body = {"model": "gpt", "messages": turns, "reasoning_effort": "high", "max_tokens": 9000}
    exchange = an_exchange(a_call(orjson.dumps(body), CHAT), caller, deployment)
    steps = (a_head(Media.JSON), Data(reply), End(NO_USAGE))
    asyncio.run(taken(stage(exchange, flow_of(*steps))))
    return exchange


def second_turn(
    deployment: Deployment, reply: dict[str, Any], id: str, caller: Principal = ANN
) -> dict[str, Any]:
    """What the provider is sent after this reply to Ann, whose client keeps only the call."""
    stage = Translate(DIALECTS, RoutePolicy(), MemoryReasoning(FakeClock()))
    turns: list[Any] = [{"role": "user", "content": QUESTION}]
    raw = orjson.dumps(reply)
    passage(stage, deployment, ANN, raw, turns)
    function = {"name": "weather", "arguments": '{"city":"Rome"}'}
    call = {"id": id, "type": "function", "function": function}
    turns.append({"role": "assistant", "content": None, "tool_calls": [call]})
    turns.append({"role": "tool", "tool_call_id": id, "content": "sunny"})
    sent: dict[str, Any] = orjson.loads(
        passage(stage, deployment, caller, raw, turns).upstream.body
    )
    return sent


def a_response() -> dict[str, Any]:
    """A whole reply of the Responses API that calls a tool."""
    reasoning = {
        "type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAA/+==",
        "summary": [{"type": "summary_text", "text": "Hm."}],
    }  # fmt: skip
    call = {
        "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather",
        "arguments": '{"city":"Rome"}',
    }  # fmt: skip
    return {"id": "resp_1", "status": "completed", "output": [reasoning, call]}


def test_encrypted_reasoning_comes_back_directly_before_its_call() -> None:
    sent = second_turn(spoken_at("openai-responses", model="gpt-5"), a_response(), "call_1")
    assert sent["input"][1] == a_response()["output"][0]
    assert sent["input"][2]["type"] == "function_call"


def test_another_caller_does_not_get_it() -> None:
    deployment = spoken_at("openai-responses", model="gpt-5")
    sent = second_turn(deployment, a_response(), "call_1", caller=BOB)
    assert [one["type"] for one in sent["input"]] == [
        "message",
        "function_call",
        "function_call_output",
    ]


def test_bedrocks_signature_comes_back_with_its_words() -> None:
    said = {"reasoningText": {"text": "Hm.", "signature": "sig=="}}
    use = {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Rome"}}
    content = [{"reasoningContent": said}, {"toolUse": use}]
    reply = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 1},
    }
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    sent = second_turn(spoken_at("bedrock-converse", model=model), reply, "tooluse_1")
    assert sent["messages"][1]["content"] == content


def test_a_call_that_gemini_never_signed_gets_the_documented_word() -> None:
    call = {"functionCall": {"id": "x", "name": "weather", "args": {"city": "Rome"}}}
    candidate = {"content": {"parts": [call]}, "finishReason": "STOP"}
    reply = {"candidates": [candidate], "responseId": "r"}
    sent = second_turn(spoken_at("gemini-generate", model="gemini-3-pro"), reply, "x")
    part = sent["contents"][1]["parts"][0]
    assert part["thoughtSignature"] == "skip_thought_signature_validator"


def test_a_store_that_knows_another_signer_makes_a_told_loss() -> None:
    stage = Translate(DIALECTS, RoutePolicy(), MemoryReasoning(FakeClock()))
    turns: list[Any] = [{"role": "user", "content": QUESTION}]
    raw = orjson.dumps(a_response())
    passage(stage, spoken_at("openai-responses", model="gpt-5"), ANN, raw, turns)
    function = {"name": "weather", "arguments": '{"city":"Rome"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    turns.append({"role": "assistant", "content": None, "tool_calls": [call]})
    turns.append({"role": "tool", "tool_call_id": "call_1", "content": "sunny"})
    other = spoken_at("openai-responses", model="gpt-5-mini")
    assert passage(stage, other, ANN, raw, turns).losses == ["dropped:reasoning"]
