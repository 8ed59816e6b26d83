"""A completions body becomes a prompt."""

from __future__ import annotations

from pipelines.dialects.openai_completions.parse import parse


def test_asking_for_log_probabilities_without_alternatives_is_no_number_of_them() -> None:
    sampling = parse({"model": "m", "prompt": "a", "logprobs": 0}).sampling
    assert (sampling.logprobs, sampling.top_logprobs) == (True, None)
