"""The hub into Gemini's body, and Gemini's own body there and back."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.gemini.parse import parse
from pipelines.dialects.gemini.render import render
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse as parse_chat
from pipelines.errors import Unsupported
from tests.builders import a_deployment

LOOK = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}


def rendered(
    model: str = "gemini-3-flash", losses: Losses | None = None, **chat: Any
) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **chat}
    told = losses or Losses("Google")
    return render(parse_chat(body), a_deployment(group=model), told)


def test_the_fields_of_a_chat_body() -> None:
    assert rendered(
        messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}],
        temperature=0.5, top_p=0.9, max_tokens=7, stop="x", seed=3, n=2, top_k=5,
        presence_penalty=1, frequency_penalty=2, logprobs=True, top_logprobs=4,
        tools=[{"type": "function", "function": LOOK}],
        tool_choice={"type": "function", "function": {"name": "look"}},
        response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
    ) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "tools": [{"functionDeclarations": [
            {"name": "look", "description": "Looks.", "parametersJsonSchema": {"type": "object"}}
        ]}],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}
        },
        "generationConfig": {
            "temperature": 0.5, "topP": 0.9, "maxOutputTokens": 7, "stopSequences": ["x"],
            "seed": 3, "candidateCount": 2, "topK": 5, "presencePenalty": 1,
            "frequencyPenalty": 2, "responseLogprobs": True, "logprobs": 4,
            "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
        },
    }  # fmt: skip


def test_what_gemini_lacks_is_told() -> None:
    losses = Losses("Google", drop_params=True)
    rendered(losses=losses, logit_bias={"1": 2}, user="u", store=True, parallel_tool_calls=False)
    assert losses.told == [
        "dropped:parallel_tool_calls", "dropped:logit_bias", "dropped:user", "dropped:store",
    ]  # fmt: skip
    with pytest.raises(Unsupported):
        rendered(logit_bias={"1": 2})


@pytest.mark.parametrize(
    "chat",
    [
        {"tools": [{"type": "custom", "custom": {"name": "c"}}]},
        {"stop": ["a", "b", "c", "d", "e", "f"]},
        {
            "tools": [{"type": "function", "function": LOOK}],
            "response_format": {"type": "json_object"},
        },
    ],
)
def test_a_feature_that_the_model_lacks_is_an_error(chat: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        rendered("gemini-2.5-flash", **chat)


def test_searching_and_safety_have_a_place() -> None:
    body = rendered(web_search_options={}, safety_settings=[{"category": "X"}])
    assert body["tools"] == [{"googleSearch": {}}]
    assert body["safetySettings"] == [{"category": "X"}]


def test_geminis_own_body_comes_back_as_it_was() -> None:
    body: dict[str, Any] = {
        "contents": [
            {"role": "user", "parts": [
                {"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}},
            ]},
            {"role": "model", "parts": [
                {"text": "hm", "thought": True},
                {"text": "Sure.", "thoughtSignature": "T"},
                {"functionCall": {"id": "1", "name": "look", "args": {"a": 1}},
                 "thoughtSignature": "S"},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "1", "name": "look", "response": {"output": "ok"}}},
            ]},
        ],
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "tools": [
            {"functionDeclarations": [
                {"name": "look", "parametersJsonSchema": {"type": "object"}, "behavior": "BLOCKING"}
            ]},
            {"googleSearch": {}},
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
        "safetySettings": [{"category": "X", "threshold": "OFF"}],
        "cachedContent": "cachedContents/1",
        "generationConfig": {
            "temperature": 1, "thinkingConfig": {"thinkingLevel": "high", "includeThoughts": True},
            "responseModalities": ["TEXT"],
        },
    }  # fmt: skip
    losses = Losses("Google", strict=True)
    prompt = parse({"model": "m", **body}, True)
    assert render(prompt, a_deployment(group="gemini-3-flash"), losses) == body
    assert losses.told == []


def test_a_tool_that_gemini_refuses_goes_by_another_name_wherever_it_stands() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "3d", "arguments": "{}"}}
    body = rendered(
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "done"},
        ],
        tools=[{"type": "function", "function": {**LOOK, "name": "3d"}}],
        tool_choice={"type": "function", "function": {"name": "3d"}},
    )
    assert body["tools"][0]["functionDeclarations"][0]["name"] == "hg__3d"
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["hg__3d"]
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == "hg__3d"
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == "hg__3d"


def test_a_tool_whose_name_is_too_long_is_refused() -> None:
    with pytest.raises(Unsupported, match="tool name"):
        rendered(tools=[{"type": "function", "function": {**LOOK, "name": "a" * 129}}])
