"""Usage adds up."""

from __future__ import annotations

from pipelines.usage import NO_USAGE, Usage


def test_usage_in_all_is_prompt_and_completion() -> None:
    usage = Usage(prompt_tokens=9, completion_tokens=12, cached_tokens=5, reasoning_tokens=7)
    assert usage.total_tokens == 21


def test_no_usage_is_nothing_and_no_estimate() -> None:
    assert Usage() == NO_USAGE
    assert (NO_USAGE.total_tokens, NO_USAGE.estimated) == (0, False)
