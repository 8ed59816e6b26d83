"""A record has LiteLLM's names for those who know them."""

from __future__ import annotations

import orjson

from proxy.telemetry.payload import payload
from tests.proxy.telemetry.calls import a_call

PROMPT = '[{"role":"user","content":"Hi"}]'


def test_a_call_has_the_names_of_litellm() -> None:
    told = payload(a_call(trace_id="t", key_digest="d", session_id="s", overhead=0.002))
    names = ("id", "trace_id", "call_type", "status", "model", "model_group", "model_id")
    assert [told[name] for name in names] == [
        "call-1",
        "t",
        "chat",
        "success",
        "claude-sonnet",
        "gpt",
        "d2",
    ]
    assert (told["prompt_tokens"], told["completion_tokens"], told["total_tokens"]) == (
        100,
        40,
        140,
    )
    assert (told["response_cost"], told["response_time"]) == (0.001234, 2.0)
    assert told["completionStartTime"] - told["startTime"] == 0.75
    assert told["metadata"]["user_api_key_hash"] == "d"
    assert told["metadata"]["user_api_key_team_alias"] == "Team One"
    assert told["hidden_params"]["litellm_overhead_time_ms"] == 2.0
    assert [one["kind"] for one in told["headgate"]["attempts"]] == ["first", "fallback"]
    assert told["error_information"] is None
    orjson.dumps(told)


def test_a_failure_says_what_went_wrong() -> None:
    told = payload(
        a_call(outcome="failed", status=502, error="no", error_class="UpstreamFailed", cost=None)
    )
    assert told["status"] == "failure"
    assert told["error_information"]["error_code"] == "502"
    assert told["error_information"]["error_class"] == "UpstreamFailed"
    assert told["response_cost"] is None


def test_texts_are_told_where_they_are_kept_and_wanted() -> None:
    call = a_call(prompt=PROMPT, answer="no json")
    assert payload(call)["messages"] == [{"role": "user", "content": "Hi"}]
    assert payload(call)["response"] == "no json"
    assert payload(call, telling=False)["messages"] is None
    assert payload(a_call())["messages"] is None


def test_a_refused_call_has_next_to_nothing() -> None:
    told = payload(
        a_call(
            outcome="refused", usage=a_call().usage, deployment=None, provider=None, first_byte=None
        )
    )
    assert told["custom_llm_provider"] is None
    assert told["completionStartTime"] == told["startTime"]
