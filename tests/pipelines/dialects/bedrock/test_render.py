"""What Converse gets for a chat call, and what it cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deltas import ThoughtDelta
from pipelines.dialects.bedrock.reader import ConverseReader
from pipelines.dialects.bedrock.render import render
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse
from pipelines.errors import Unsupported
from tests.builders import a_deployment

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SPEC = {"toolSpec": {"name": "f", "description": "f", "inputSchema": {"json": {"type": "object"}}}}
CALL = {"id": "a|b", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": "", "tool_calls": [{**CALL, "id": "a"}, {**CALL, "id": "b"}]},
    {"role": "tool", "tool_call_id": "a", "content": "1"},
    {"role": "tool", "tool_call_id": "b", "content": ""},
    {"role": "user", "content": "and?"},
]


def rendered(
    messages: list[dict[str, Any]] | None = None,
    drop: bool = False,
    on: str = CLAUDE,
    **fields: Any,
) -> tuple[dict[str, Any], list[str]]:
    """The body and the losses for a chat call of OpenAI's."""
    losses = Losses("Bedrock", drop_params=drop)
    hello = [{"role": "user", "content": "hello"}]
    prompt = parse({"model": "gpt", "messages": messages or hello, **fields})
    return render(prompt, a_deployment(model=on), losses), losses.told


def test_a_plain_call_names_neither_model_nor_stream() -> None:
    body, told = rendered(
        [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        stream=True, max_tokens=5, temperature=0.5, top_p=0.9, stop=["x"], top_k=3,
    )  # fmt: skip
    assert body == {
        "system": [{"text": "s"}],
        "messages": [{"role": "user", "content": [{"text": "u"}]}],
        "inferenceConfig": {
            "maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"],
        },
        "additionalModelRequestFields": {"top_k": 3},
    }  # fmt: skip
    assert told == []


def test_results_of_one_turn_stand_in_one_message_and_tools_are_made_up() -> None:
    body, told = rendered(HISTORY)
    uses = [{"toolUse": {"toolUseId": id, "name": "f", "input": {"x": 1}}} for id in ("a", "b")]
    results = [
        {"toolResult": {"toolUseId": id, "content": [{"text": text}], "status": "success"}}
        for id, text in (("a", "1"), ("b", "(nothing)"))
    ]
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "go"}]},
        {"role": "assistant", "content": uses},
        {"role": "user", "content": [*results, {"text": "and?"}]},
    ]
    assert [one["toolSpec"]["name"] for one in body["toolConfig"]["tools"]] == ["f"]
    assert told == ["emulated:tools"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", None),
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "f"}}, {"tool": {"name": "f"}}),
    ],
)
def test_the_choice_of_tools(choice: Any, expected: Any) -> None:
    body, _ = rendered(tools=[TOOL], tool_choice=choice)
    assert body["toolConfig"]["tools"] == [SPEC]
    assert body["toolConfig"].get("toolChoice") == expected


def test_no_tools_may_be_chosen_by_offering_none() -> None:
    assert "toolConfig" not in rendered(tools=[TOOL], tool_choice="none")[0]
    body, told = rendered(HISTORY, tools=[TOOL], tool_choice="none")
    assert body["toolConfig"] == {"tools": [SPEC]}
    assert told == ["emulated:tool_choice"]


def test_ids_that_bedrock_forbids_change_alike_in_call_and_result() -> None:
    body, _ = rendered(
        [
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "a|b", "content": "1"},
        ]
    )
    called = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert called.startswith("call_")
    assert body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == called


def test_a_schema_is_a_string_and_a_json_object_is_asked_for_in_words() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    body, _ = rendered(response_format=wanted)
    schema = {"schema": '{"type":"object"}', "name": "n"}
    assert body["outputConfig"]["textFormat"]["structure"] == {"jsonSchema": schema}
    body, told = rendered(response_format={"type": "json_object"})
    assert told == ["emulated:json_object"]
    assert "JSON" in body["system"][0]["text"]


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        (CLAUDE, {"reasoning_effort": "low"},
         {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (CLAUDE, {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
        (CLAUDE, {"reasoning_effort": "none"}, None),
        ("amazon.nova-2-lite-v1:0", {"reasoning_effort": "low"},
         {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ("qwen.qwen3", {"reasoning_effort": "high"}, {"reasoning_config": "high"}),
    ],
)  # fmt: skip
def test_reasoning_is_asked_for_as_each_vendor_wants_it(
    model: str, fields: dict[str, Any], expected: Any
) -> None:
    assert rendered(on=model, **fields)[0].get("additionalModelRequestFields") == expected


def test_a_budget_stays_below_the_limit() -> None:
    body, told = rendered(reasoning_effort="high", max_tokens=2000)
    thinking = body["additionalModelRequestFields"]["thinking"]
    assert (thinking["budget_tokens"], told) == (1999, ["clamped:reasoning budget"])
    with pytest.raises(Unsupported):
        rendered(reasoning_effort="high", max_tokens=10)


def test_pictures_documents_and_cache_points() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA"}}
    paper = {
        "type": "file",
        "file": {"filename": "a_b.pdf", "file_data": "data:application/pdf;base64,BBBB"},
        "cache_control": {"type": "ephemeral"},
    }
    body, told = rendered([{"role": "user", "content": [picture, paper]}])
    assert body["messages"][0]["content"] == [
        {"text": "See the document."},
        {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}},
        {"document": {"format": "pdf", "name": "a b", "source": {"bytes": "BBBB"}}},
        {"cachePoint": {"type": "default"}},
    ]
    assert told == ["emulated:a document without words"]
    far = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    with pytest.raises(Unsupported, match="by address"):
        rendered([{"role": "user", "content": [far]}])


def test_signed_and_redacted_thoughts_go_back_byte_for_byte() -> None:
    said = [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "SIG="}}},
        {"reasoningContent": {"redactedContent": "RXRrRQ=="}},
    ]
    document = {"output": {"message": {"content": said}}, "stopReason": "end_turn"}
    deltas = ConverseReader("Bedrock").document(document)
    thoughts = [one for one in deltas if isinstance(one, ThoughtDelta)]
    blocks = [
        {"type": "thinking", "thinking": thoughts[0].text, "signature": thoughts[1].signature},
        {"type": "redacted_thinking", "data": thoughts[2].data},
    ]
    body, told = rendered([{"role": "assistant", "thinking_blocks": blocks}])
    assert body["messages"][0]["content"] == said
    assert told == []
    _, told = rendered([{"role": "assistant", "reasoning_content": "hm", "content": "x"}])
    assert told == ["dropped:reasoning of earlier turns"]


@pytest.mark.parametrize("name", ["seed", "presence_penalty", "logprobs"])
def test_knobs_that_bedrock_lacks_need_leave_to_be_dropped(name: str) -> None:
    with pytest.raises(Unsupported, match=name):
        rendered(None, False, CLAUDE, **{name: 1})
    assert rendered(None, True, CLAUDE, **{name: 1})[1] == [f"dropped:{name}"]


def test_who_asks_and_how_urgently() -> None:
    body, told = rendered(user="u", metadata={"a": 1}, service_tier="flex", temperature=2)
    assert body["requestMetadata"] == {"a": "1", "user": "u"}
    assert body["serviceTier"] == {"type": "flex"}
    assert body["inferenceConfig"]["temperature"] == 1.0
    assert told == ["clamped:temperature"]


GUARD = {"guardrailIdentifier": "g", "guardrailVersion": "1", "streamProcessingMode": "sync"}


def test_what_only_bedrock_knows_goes_out_as_it_came() -> None:
    fields = {
        "guardrailConfig": GUARD,
        "performanceConfig": {"latency": "optimized"},
        "requestMetadata": {"team": "a"},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
        "additionalModelRequestFields": {"anthropic_beta": ["x"]},
        "serviceTier": {"type": "priority"},
    }
    body, told = rendered(None, False, CLAUDE, **fields, top_k=3)
    extra = {"top_k": 3, "anthropic_beta": ["x"]}
    assert {name: body[name] for name in fields} == {
        **fields,
        "additionalModelRequestFields": extra,
    }
    assert told == []


def test_cache_points_follow_what_they_cover_with_their_time() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    words = [{"type": "text", "text": "s", "cache_control": mark}]
    body, _ = rendered(
        [{"role": "system", "content": words}, {"role": "user", "content": words}],
        tools=[{**TOOL, "cache_control": mark}],
    )
    assert body["system"] == [{"text": "s"}, point]
    assert body["messages"][0]["content"] == [{"text": "s"}, point]
    assert body["toolConfig"]["tools"] == [SPEC, point]


def test_metadata_that_bedrock_would_refuse_is_left_out_and_told() -> None:
    given = {"team": "a b", "tags": ["x"], "words": "a'b", "ключ": "x"}
    body, told = rendered(metadata=given)
    assert body["requestMetadata"] == {"team": "a b"}
    assert told == ["dropped:metadata"]


def test_claude_is_not_told_to_think_where_it_must_call() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    body, told = rendered(reasoning_effort="low", tools=[tool], tool_choice="required")
    assert "additionalModelRequestFields" not in body
    assert told == ["dropped:reasoning_effort"]


def test_claude_is_not_told_to_think_amid_a_loop_whose_thoughts_are_gone() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "y"},
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    body, told = rendered(turns, reasoning_effort="low", tools=tools)
    assert "additionalModelRequestFields" not in body
    assert told == ["dropped:reasoning_effort"]


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.5), ("top_p", 0.5), ("top_k", 5)])
def test_knobs_that_do_not_go_with_thinking_need_leave_to_be_dropped(
    name: str, value: float
) -> None:
    with pytest.raises(Unsupported, match=name):
        rendered(reasoning_effort="low", **{name: value})  # type: ignore[arg-type]
    assert rendered(drop=True, reasoning_effort="low", **{name: value})[1] == [f"dropped:{name}"]  # type: ignore[arg-type]


def test_claudes_that_take_no_budget_are_told_an_effort() -> None:
    body, _ = rendered(on="global.anthropic.claude-opus-4-8", reasoning_effort="high")
    assert body["additionalModelRequestFields"] == {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
    }


@pytest.mark.parametrize(
    ("effort", "sent", "told"),
    [
        ("low", "low", []),
        ("minimal", "low", ["clamped:reasoning_effort"]),
        ("high", "high", ["dropped:max_tokens", "dropped:temperature"]),
        ("xhigh", "high",
         ["clamped:reasoning_effort", "dropped:max_tokens", "dropped:temperature"]),
    ],
)  # fmt: skip
def test_novas_efforts_are_three_and_the_highest_stands_alone(
    effort: str, sent: str, told: list[str]
) -> None:
    fields = {"reasoning_effort": effort, "max_tokens": 9, "temperature": 0.5}
    body, losses = rendered(None, False, "us.amazon.nova-2-lite-v1:0", **fields)
    config = body["additionalModelRequestFields"]["reasoningConfig"]
    assert config == {"type": "enabled", "maxReasoningEffort": sent}
    assert losses == told
    assert ("inferenceConfig" in body) is (sent == "low")
