"""How much to think is said as the model knows it."""

from __future__ import annotations

import pytest

from pipelines.dialects.anthropic.models import abilities
from pipelines.dialects.anthropic.thinking import set_thinking
from pipelines.prompt import Prompt, Reasoning
from tests.pipelines.dialects.anthropic.given import (
    losses,
    sent,
)


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-sonnet-4-5", "medium", {"type": "enabled", "budget_tokens": 2048}),
        ("claude-3-7-sonnet-20250219", "minimal", {"type": "enabled", "budget_tokens": 1024}),
        ("claude-opus-4-6", "high", {"type": "adaptive"}),
        ("claude-opus-4-8", "high", {"type": "adaptive", "display": "summarized"}),
        ("claude-sonnet-5", "none", {"type": "disabled"}),
        ("claude-haiku-4-5-20251001", "none", None),
    ],
)
def test_an_effort_is_said_as_the_model_knows_it(model: str, effort: str, expected: object) -> None:
    assert sent(model, reasoning_effort=effort).get("thinking") == expected


def test_a_budget_leaves_room_for_the_answer_and_gives_way_to_a_forced_call() -> None:
    told = losses()
    got = sent(told=told, reasoning_effort="high", max_tokens=3000)
    assert got["thinking"]["budget_tokens"] == 1500
    assert told.told == ["clamped:reasoning_effort"]
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert "thinking" not in sent(reasoning_effort="high", tools=tools, tool_choice="required")


def test_a_wish_to_see_thoughts_alone_is_no_reason_to_refuse_a_model_that_has_none() -> None:
    told = losses()
    prompt = Prompt("m", [], "openai-responses", reasoning=Reasoning(show=True))
    body: dict[str, object] = {}
    set_thinking(body, prompt, abilities("claude-3-haiku-20240307"), told)
    assert (body, told.told) == ({}, ["dropped:reasoning_summary"])
