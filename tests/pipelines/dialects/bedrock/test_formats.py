"""A schema reaches every model in the strongest form that it takes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.deltas import Begin, Finish, TextDelta, ToolBegin
from pipelines.dialects.bedrock.formats import STAND_IN
from pipelines.dialects.bedrock.reader import ConverseReader
from tests.pipelines.dialects.bedrock.test_render import CLAUDE, HISTORY, TOOL, rendered

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
WANTED = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
OLD = "anthropic.claude-3-5-sonnet-20240620-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"


@pytest.mark.parametrize(
    "model", [CLAUDE, "minimax.minimax-m2", "zai.glm-4.7-flash", "arn:aws:bedrock:eu-west-1:1:x/y"]
)
def test_a_model_that_knows_schemas_gets_it(model: str) -> None:
    body, told = rendered(on=model, response_format=WANTED)
    told_schema = {"schema": orjson.dumps(SCHEMA).decode(), "name": "n"}
    assert body["outputConfig"]["textFormat"]["structure"]["jsonSchema"] == told_schema
    assert told == []


@pytest.mark.parametrize("model", [OLD, NOVA, "us.anthropic.claude-sonnet-4-20250514-v1:0"])
def test_a_model_without_schemas_must_call_a_tool_in_its_stead(model: str) -> None:
    body, told = rendered(on=model, response_format=WANTED)
    (tool,) = body["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == STAND_IN
    assert tool["toolSpec"]["inputSchema"] == {"json": SCHEMA}
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": STAND_IN}}
    assert told == ["emulated:json_schema"]


def test_the_clients_own_tools_may_be_called_first() -> None:
    body, _ = rendered(HISTORY, on=OLD, response_format=WANTED, tools=[TOOL])
    assert [one["toolSpec"]["name"] for one in body["toolConfig"]["tools"]] == ["f", STAND_IN]
    assert body["toolConfig"]["toolChoice"] == {"any": {}}


@pytest.mark.parametrize(
    ("model", "fields"),
    [("us.meta.llama3-3-70b-instruct-v1:0", {}), (OLD, {"reasoning_effort": "low"})],
)
def test_where_no_tool_can_be_forced_words_must_do(model: str, fields: dict[str, Any]) -> None:
    body, told = rendered(on=model, response_format=WANTED, **fields)
    assert "toolConfig" not in body
    assert orjson.dumps(SCHEMA).decode() in body["system"][0]["text"]
    assert told == ["emulated:json_schema"]


def test_the_stand_ins_arguments_are_the_answer() -> None:
    use = {"toolUseId": "t", "name": STAND_IN, "input": {"a": 1}}
    document = {
        "output": {"message": {"content": [{"toolUse": use}]}},
        "stopReason": "tool_use",
    }
    assert ConverseReader("Bedrock").document(document) == [
        Begin(),
        TextDelta('{"a":1}'),
        Finish("stop"),
    ]


def test_the_stand_ins_arguments_are_streamed_as_text() -> None:
    reader = ConverseReader("Bedrock")
    use = {"toolUseId": "t", "name": STAND_IN}
    frames: list[tuple[str, dict[str, Any]]] = [
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": use}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"a"'}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": ":1}"}}}),
        ("messageStop", {"stopReason": "tool_use"}),
    ]
    deltas = [one for name, value in frames for one in reader.event(name, value)]
    assert deltas == [Begin(), TextDelta('{"a"'), TextDelta(":1}"), Finish("stop")]


def test_a_call_of_the_clients_own_tool_stays_a_call() -> None:
    uses = [{"toolUseId": str(n), "name": name} for n, name in enumerate(("f", STAND_IN))]
    content = [{"toolUse": use} for use in uses]
    document = {"output": {"message": {"content": content}}, "stopReason": "tool_use"}
    deltas = ConverseReader("Bedrock").document(document)
    assert [one.name for one in deltas if isinstance(one, ToolBegin)] == ["f"]
    assert deltas[-1] == Finish("tool_calls")
