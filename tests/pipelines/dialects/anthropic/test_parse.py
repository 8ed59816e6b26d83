"""What Anthropic's clients send is understood, and what is wrong with it is named."""

from __future__ import annotations

import pytest

from pipelines.dialects.anthropic.parse import parse
from pipelines.dialects.openai_chat.render import render as render_chat
from pipelines.errors import (
    BadCall,
)
from tests.builders import a_deployment
from tests.pipelines.dialects.anthropic.given import (
    RICH,
    losses,
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", "x"),
        ("messages", [{"role": "tool", "content": "x"}]),
        ("messages", [{"role": "user", "content": [{"type": "text"}]}]),
        ("messages", [{"role": "user", "content": [{"type": "image", "source": {}}]}]),
        ("tools", {}),
        ("thinking", "on"),
        ("tool_choice", {"type": "some"}),
        ("temperature", "warm"),
        ("stop_sequences", "x"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    with pytest.raises(BadCall) as caught:
        parse({**RICH, field: value})
    assert field in caught.value.message


def test_a_call_of_its_client_reaches_a_chat_provider() -> None:
    body = {**RICH, "tools": RICH["tools"][:1]}
    told = losses()
    got = render_chat(parse(body), a_deployment(model="gpt"), told)
    roles = [turn["role"] for turn in got["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "user", "user", "system"]
    call = got["messages"][2]["tool_calls"][0]
    assert call["function"] == {"name": "f", "arguments": '{"x":[1]}'}
    assert got["messages"][3]["content"].startswith("Error: ")
    assert got["tool_choice"] == "required"
    assert got["parallel_tool_calls"] is False
    assert "dropped:server_tool_use" in told.told
