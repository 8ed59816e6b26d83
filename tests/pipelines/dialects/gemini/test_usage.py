"""Gemini's token counts, both ways."""

from __future__ import annotations

from pipelines.dialects.gemini.usage import read_usage, usage_metadata
from pipelines.usage import Usage


def test_thoughts_and_tools_are_counted_in() -> None:
    counts = {
        "promptTokenCount": 12, "toolUsePromptTokenCount": 3, "candidatesTokenCount": 109,
        "thoughtsTokenCount": 806, "cachedContentTokenCount": 4, "totalTokenCount": 930,
        "promptTokensDetails": [{"modality": 4, "tokenCount": 5}],
    }  # fmt: skip
    usage = read_usage(counts)
    assert usage == Usage(15, 915, cached_tokens=4, reasoning_tokens=806, audio_input_tokens=5)
    assert usage.total_tokens == 930


def test_no_counts_are_no_usage() -> None:
    assert read_usage({"trafficType": "ON_DEMAND"}) is None
    assert read_usage(None) is None


def test_what_is_written_is_read_back() -> None:
    usage = Usage(20, 30, cached_tokens=5, reasoning_tokens=10, audio_input_tokens=2)
    assert read_usage(usage_metadata(usage)) == usage


def test_the_total_stays_the_sum_where_thoughts_stand_beside_the_completion() -> None:
    counts = usage_metadata(Usage(10, 5, reasoning_tokens=9))
    assert (counts["thoughtsTokenCount"], counts["candidatesTokenCount"]) == (5, 0)


def test_details_that_are_none_count_nothing() -> None:
    for odd in (5, ["x"], [None], [{"modality": {"a": 1}, "tokenCount": 3}], {"a": 1}):
        assert read_usage({"promptTokenCount": 4, "promptTokensDetails": odd}) == Usage(4)
