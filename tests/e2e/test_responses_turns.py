"""The official SDK goes on from kept responses, whatever dialect the provider speaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.responses import FunctionToolParam, Response
from pydantic import BaseModel

from tests.accept.scripted import Asked, Scripted, Turn, Use, scripted
from tests.e2e.configs import config, entry
from tests.e2e.gateway import Gateway, running
from tests.e2e.plain import ask
from tests.e2e.sdk import client

MODELS = ("claude", "chat")
TOOL: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
SUNNY = "It is sunny."


class City(BaseModel):
    """What `parse()` is asked for."""

    name: str


def answer(asked: Asked) -> Turn:
    """A call of the tool, then words; JSON where that is asked for."""
    if asked.has_result:
        return Turn(SUNNY)
    if "get_weather" in asked.tools:
        use = Use("get_weather", {"city": "Rome"})
        return Turn("Let me look.", "A tool knows.", (use,), "c2lnbmVk")
    if "City" in json.dumps(asked.body):
        return Turn('{"name": "Rome"}')
    return Turn(f"I was told {len(asked.messages)} messages.")


@pytest.fixture(scope="module")
def scribe() -> Iterator[Scripted]:
    """The provider, in both of its dialects."""
    with scripted(answer) as found:
        yield found


@pytest.fixture(scope="module")
def house(scribe: Scripted, folder: Path) -> Iterator[Gateway]:
    """A gateway whose models are one provider's, in two dialects."""
    models = config(
        entry("claude", "anthropic/claude-sonnet-4-6", scribe.url),
        entry("chat", "openai_like/scripted-1", scribe.url),
        entry("demo", "mock/demo"),
    )
    with running(folder, models) as found:
        yield found


@pytest.fixture(scope="module")
def sdk(house: Gateway) -> Iterator[openai.OpenAI]:
    """A client that is used for many calls, as programs do."""
    with client(house) as made:
        yield made


def create(sdk: openai.OpenAI, streamed: bool, **fields: Any) -> Response:
    """One response, whole or from the last event of its stream."""
    made = sdk.responses.create(stream=streamed, **fields)
    if isinstance(made, Response):
        return made
    *_, last = made
    assert last.type == "response.completed"
    response = last.response
    assert isinstance(response, Response)
    return response


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_a_call_goes_on_from_the_response_before_it(
    sdk: openai.OpenAI, model: str, streamed: bool
) -> None:
    first = create(sdk, streamed, model=model, input="One")
    assert first.output_text == "I was told 1 messages."
    second = create(sdk, streamed, model=model, input="Two", previous_response_id=first.id)
    assert second.output_text == "I was told 3 messages."
    assert second.previous_response_id == first.id
    third = create(sdk, streamed, model=model, input="Three", previous_response_id=second.id)
    assert third.output_text == "I was told 5 messages."
    assert len({first.id, second.id, third.id}) == 3


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_two_turns_with_a_tool_and_reasoning(
    sdk: openai.OpenAI, scribe: Scripted, model: str, streamed: bool
) -> None:
    given: dict[str, Any] = {"model": model, "tools": [TOOL], "reasoning": {"summary": "auto"}}
    if model == "chat":
        del given["reasoning"]
    first = create(sdk, streamed, input="Weather in Rome?", **given)
    assert [one.type for one in first.output] == ["reasoning", "message", "function_call"]
    (called,) = [one for one in first.output if one.type == "function_call"]
    assert json.loads(called.arguments) == {"city": "Rome"}
    output: Any = [{"type": "function_call_output", "call_id": called.call_id, "output": "sun"}]
    second = create(sdk, streamed, input=output, previous_response_id=first.id, **given)
    assert second.output_text == SUNNY
    asked = scribe.asked[-1].messages
    if model == "claude":
        thought, words, use = asked[-2]["content"]
        assert thought == {
            "type": "thinking",
            "thinking": "A tool knows.",
            "signature": "c2lnbmVk",
        }
        assert (words["text"], use["input"]) == ("Let me look.", {"city": "Rome"})
        assert asked[-1]["content"][0]["tool_use_id"] == use["id"]
    else:
        assert asked[-2]["tool_calls"][0]["function"]["name"] == "get_weather"
        assert asked[-1]["tool_call_id"] == called.call_id


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_moves_from_one_provider_to_another(sdk: openai.OpenAI, model: str) -> None:
    other = MODELS[1 - MODELS.index(model)]
    first = sdk.responses.create(model=model, input="One")
    second = sdk.responses.create(model=other, input="Two", previous_response_id=first.id)
    assert second.output_text == "I was told 3 messages."


@pytest.mark.parametrize("model", MODELS)
def test_an_earlier_item_may_be_named_by_its_id(sdk: openai.OpenAI, model: str) -> None:
    first = sdk.responses.create(model=model, input="One")
    items: list[Any] = [
        {"role": "user", "content": "One"},
        {"type": "item_reference", "id": first.output[0].id},
        {"role": "user", "content": "Two"},
    ]
    assert sdk.responses.create(model=model, input=items).output_text == "I was told 3 messages."
    sdk.responses.delete(first.id)
    with pytest.raises(openai.BadRequestError):
        sdk.responses.create(model=model, input=items)


@pytest.mark.parametrize("model", MODELS)
def test_a_response_is_retrieved_listed_and_deleted(sdk: openai.OpenAI, model: str) -> None:
    first = sdk.responses.create(model=model, input="One")
    second = sdk.responses.create(model=model, input="Two", previous_response_id=first.id)
    assert second.store is True  # type: ignore[attr-defined]
    assert sdk.responses.retrieve(second.id) == second
    items: list[Any] = list(sdk.responses.input_items.list(second.id, order="asc", limit=2))
    assert [one.content[0].text for one in items] == ["One", first.output_text, "Two"]
    assert all(one.id for one in items)
    sdk.responses.delete(first.id)
    for id in (first.id, "resp_unknown"):
        with pytest.raises(openai.NotFoundError):
            sdk.responses.retrieve(id)
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(model=model, input="Three", previous_response_id=second.id)
    assert caught.value.code == "previous_response_not_found"


@pytest.mark.parametrize("streamed", [True, False])
def test_what_is_not_stored_is_not_kept(sdk: openai.OpenAI, streamed: bool) -> None:
    got = create(sdk, streamed, model="claude", input="One", store=False)
    assert got.store is False  # type: ignore[attr-defined]
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(got.id)


@pytest.mark.parametrize("model", MODELS)
def test_the_streaming_helper_gives_the_whole_response(sdk: openai.OpenAI, model: str) -> None:
    with sdk.responses.stream(model=model, input="Rome?", tools=[TOOL]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.function_call_arguments.delta" in kinds
    (called,) = [one for one in final.output if one.type == "function_call"]
    assert called.parsed_arguments == {"city": "Rome"}
    assert final.usage is not None
    assert final.usage.input_tokens == 100


@pytest.mark.parametrize("model", MODELS)
def test_parse_gives_the_object_that_was_asked_for(sdk: openai.OpenAI, model: str) -> None:
    got = sdk.responses.parse(model=model, input="A city.", text_format=City)
    assert got.output_parsed == City(name="Rome")


@pytest.mark.parametrize("model", MODELS)
def test_a_custom_tool_is_called_and_answered(sdk: openai.OpenAI, model: str) -> None:
    tool: Any = {"type": "custom", "name": "get_weather", "description": "Asks in plain words."}
    first = sdk.responses.create(model=model, input="Rome?", tools=[tool])
    (called,) = [one for one in first.output if one.type == "custom_tool_call"]
    assert (called.name, json.loads(called.input)) == ("get_weather", {"city": "Rome"})
    output: Any = [{"type": "custom_tool_call_output", "call_id": called.call_id, "output": "sun"}]
    second = sdk.responses.create(
        model=model, input=output, tools=[tool], previous_response_id=first.id
    )
    assert second.output_text == SUNNY


def test_a_stranger_sees_nothing(sdk: openai.OpenAI, house: Gateway) -> None:
    kept = sdk.responses.create(model="demo", input="One")
    headers = {"Authorization": "Bearer sk-of-somebody-else"}
    for path in (f"/v1/responses/{kept.id}", f"/v1/responses/{kept.id}/input_items"):
        assert ask(house, path, method="GET", headers=headers).status == 401
    assert ask(house, f"/v1/responses/{kept.id}", method="DELETE", headers=headers).status == 401
    assert sdk.responses.retrieve(kept.id).output_text == kept.output_text
