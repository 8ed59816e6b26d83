"""What stands in a prompt and has no word in a dialect is found, wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.lacks import refuse_files, tell_knobs, tell_lacks, tell_tier
from pipelines.dialects.losses import Losses
from pipelines.errors import Unsupported
from pipelines.prompt import (
    CacheMark,
    File,
    Image,
    Message,
    Prompt,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)


def told(prompt: Prompt, *lacking: str) -> list[str]:
    """What is told of the prompt."""
    losses = Losses("Acme")
    tell_lacks(prompt, losses, *lacking)
    return losses.told


def a_prompt(*messages: Message, family: str = "openai", tools: list[Tool] | None = None) -> Prompt:
    """A prompt of these messages."""
    return Prompt("m", list(messages), family, tools=tools or [])


def test_a_cache_mark_is_found_on_tools_parts_and_results() -> None:
    mark = CacheMark()
    result = ToolResult("c", [Text("x", mark)])
    for prompt in (
        a_prompt(tools=[Tool("f", cache=mark)]),
        a_prompt(Message("user", [Text("x", mark)])),
        a_prompt(Message("tool", [result])),
    ):
        assert told(prompt, "cache_control") == ["dropped:cache_control"]
    assert told(a_prompt(Message("user", [Text("x")])), "cache_control") == []


def test_a_detail_counts_where_it_is_one() -> None:
    for detail, expected in ((None, []), ("auto", []), ("high", ["dropped:image detail"])):
        picture = Image(url="https://x", detail=detail)
        assert told(a_prompt(Message("user", [picture])), "image detail") == expected


def test_fields_of_messages_count_where_they_hold_something() -> None:
    rest: dict[str, Any] = {"audio": None, "annotations": [], "prefix": True}
    assert told(a_prompt(Message("assistant", [], rest=rest)), "message fields") == [
        "dropped:prefix"
    ]


def test_a_last_turn_is_to_be_continued_in_some_families_only() -> None:
    turns = (Message("user", [Text("x")]), Message("assistant", [Text("The")]))
    assert told(a_prompt(*turns, family="anthropic"), "prefill") == ["emulated:prefill"]
    assert told(a_prompt(*turns), "prefill") == []
    assert told(a_prompt(), "prefill") == []


def test_names_signatures_and_errors_are_told() -> None:
    prompt = a_prompt(
        Message("user", [Text("x")], name="Ann"),
        Message("assistant", [ToolCall("c", "f", "{}", signature="s")]),
        Message("tool", [ToolResult("c", [], error=True)]),
    )
    assert told(prompt, "name", "reasoning signatures", "is_error") == [
        "dropped:name",
        "dropped:reasoning signatures",
        "emulated:is_error",
    ]


def test_a_knob_that_changes_nothing_is_no_loss_but_a_seed_of_zero_is() -> None:
    losses = Losses("Acme", drop_params=True)
    said = Sampling(seed=0, presence_penalty=0, logprobs=False, logit_bias={}, top_k=3)
    tell_knobs(said, losses, "seed", "presence_penalty", "logprobs", "logit_bias", "top_k", "min_p")
    assert losses.told == ["dropped:seed", "dropped:top_k"]


def test_the_usual_tiers_are_no_loss() -> None:
    losses = Losses("Acme")
    for tier in (None, "auto", "default", "standard", "standard_only"):
        tell_tier(tier, losses)
    assert losses.told == []
    with pytest.raises(Unsupported, match="service_tier"):
        tell_tier("flex", losses)


def test_a_file_is_known_to_its_own_family_alone() -> None:
    for part in (File(file_id="f"), Image(file_id="f"), ToolResult("c", [File(file_id="f")])):
        prompt = a_prompt(Message("user", [part]))
        refuse_files(prompt, Losses("Acme"), "openai")
        with pytest.raises(Unsupported, match="files of another provider"):
            refuse_files(prompt, Losses("Acme"), "anthropic")
