"""Usage is counted in both conventions."""

from __future__ import annotations

from pipelines.dialects.anthropic.usage import merged, read_usage, usage_object
from pipelines.usage import Usage

THEIRS = {
    "input_tokens": 3,
    "cache_read_input_tokens": 10,
    "cache_creation_input_tokens": 5,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 2},
}
OURS = Usage(18, 7, cached_tokens=10, cache_write_tokens=5, reasoning_tokens=2)


def test_it_goes_both_ways() -> None:
    assert read_usage(THEIRS) == OURS
    assert usage_object(OURS) == THEIRS
    assert read_usage({}) is None


def test_a_later_zero_replaces_nothing() -> None:
    assert merged({"input_tokens": 3}, {"input_tokens": 0, "output_tokens": 2}) == {
        "input_tokens": 3,
        "output_tokens": 2,
    }


def test_a_prompt_that_was_cached_as_a_whole_has_no_fresh_tokens() -> None:
    before = {"input_tokens": 5}
    assert merged(before, {"input_tokens": 0, "cache_read_input_tokens": 7})["input_tokens"] == 0
    assert merged(before, {"input_tokens": 0, "output_tokens": 7})["input_tokens"] == 5
