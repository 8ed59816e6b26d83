"""What is asked of Anthropic fits the model that is asked."""

from __future__ import annotations

import pytest

from pipelines.errors import (
    Unsupported,
)
from tests.pipelines.dialects.anthropic.given import (
    losses,
    sent,
)


def test_knobs_are_kept_within_what_the_model_takes() -> None:
    told = losses(drop_params=True)
    assert sent(told=told, temperature=1.5, top_p=0.5, seed=1)["temperature"] == 1
    assert told.told == ["dropped:seed", "clamped:temperature", "dropped:top_p"]
    with pytest.raises(Unsupported, match="temperature"):
        sent("claude-opus-4-7", temperature=0.5)
    with pytest.raises(Unsupported, match="choices"):
        sent(n=2)


def test_a_schema_is_passed_on_or_asked_for_in_words() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "object"}}}
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    form = sent(response_format=asked)["output_config"]["format"]
    assert form["schema"]["additionalProperties"] is False
    assert form["schema"]["properties"]["a"]["additionalProperties"] is False
    told = losses()
    assert (
        "JSON schema" in sent("claude-3-5-haiku", told, response_format=asked)["system"][0]["text"]
    )
    assert told.told == ["emulated:json_schema"]


def test_a_history_of_calls_brings_its_tools_along() -> None:
    call = {"id": "", "function": {"name": "f", "arguments": "5"}}
    got = sent(
        messages=[
            {"role": "user", "content": "a"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "content": "b"},
        ]
    )
    assert got["tools"][0]["name"] == "f"
    assert got["tool_choice"] == {"type": "none"}
    assert got["messages"][1]["content"][0]["input"] == {"input": 5}
    used = got["messages"][1]["content"][0]["id"]
    assert got["messages"][2]["content"][0]["tool_use_id"] == used
