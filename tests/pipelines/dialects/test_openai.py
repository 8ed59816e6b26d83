"""What OpenAI's dialects share: usage is read tolerantly, errors are told in one shape."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.openai import (
    DONE,
    error_body,
    error_events,
    error_object,
    read_usage,
    usage_of,
)
from pipelines.dialects.sse import data_of, events
from pipelines.errors import (
    BadCall,
    GatewayError,
    OverBudget,
    Overloaded,
    RateLimited,
    StreamBroken,
    UnknownModel,
)
from pipelines.usage import Usage


def test_usage_is_read_in_full() -> None:
    value = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {
            "cached_tokens": 60,
            "cache_write_tokens": 10,
            "audio_tokens": 5,
            "text_tokens": 95,
        },
        "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 7},
    }
    assert read_usage(value) == Usage(
        prompt_tokens=100,
        completion_tokens=50,
        cached_tokens=60,
        cache_write_tokens=10,
        reasoning_tokens=30,
        audio_input_tokens=5,
        audio_output_tokens=7,
    )


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(prompt_tokens=8)),
        ({"completion_tokens": 8}, Usage(completion_tokens=8)),
        ({"prompt_tokens": -5, "completion_tokens": "x"}, Usage()),
        ({"prompt_tokens": 5.0, "completion_tokens": True}, Usage()),
        ({"prompt_tokens": None, "completion_tokens": 3}, Usage(completion_tokens=3)),
        (
            {"prompt_tokens": 1, "prompt_tokens_details": None, "completion_tokens_details": []},
            Usage(prompt_tokens=1),
        ),
        (
            {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": "many"}},
            Usage(prompt_tokens=1),
        ),
    ],
)
def test_what_is_no_count_is_zero(value: dict[str, Any], usage: Usage) -> None:
    assert read_usage(value) == usage


@pytest.mark.parametrize("value", [None, 7, "x", [], True, {}, {"total_time": 0.1}])
def test_what_counts_nothing_is_no_usage(value: object) -> None:
    # Else "usage": {} would be taken for a report of zero tokens, and cost nothing.
    assert read_usage(value) is None


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (
            BadCall("no", "field"),
            {"message": "no", "type": "invalid_request_error", "param": "field", "code": "400"},
        ),
        (
            Overloaded("busy"),
            {
                "message": "busy",
                "type": "rate_limit_error",
                "param": None,
                "code": "rate_limit_exceeded",
            },
        ),
    ],
)
def test_an_error_has_openais_shape_and_its_code_is_a_string(
    error: GatewayError, wanted: dict[str, Any]
) -> None:
    assert error_object(error) == wanted
    assert orjson.loads(error_body(error)) == {"error": wanted}


@pytest.mark.parametrize("error", [OverBudget("No money is left."), RateLimited("Too fast.")])
def test_what_a_person_at_a_chat_must_read_is_told_in_detail_too(error: GatewayError) -> None:
    # https://github.com/open-webui/open-webui/issues/5469
    body = orjson.loads(error_body(error))
    assert body == {"error": error_object(error), "detail": error.message}


def test_an_unknown_model_is_answered_as_openai_does() -> None:
    told = error_object(UnknownModel("x"))
    assert (told["code"], told["param"]) == ("model_not_found", "model")


def test_a_broken_stream_ends_with_an_error_without_choices_and_the_end_mark() -> None:
    # With choices OpenWebUI drops the error; without the mark it loses the partial text.
    raw = error_events(StreamBroken("cut\nin two: data: [DONE]"))
    first, last = (raw[begin:end] for begin, end in events(raw))
    value = orjson.loads(data_of(first) or b"")
    assert value.keys() == {"error"}
    assert value["error"]["message"] == "cut\nin two: data: [DONE]"
    assert value["error"]["code"] == "upstream_disconnected"
    assert last == DONE


@pytest.mark.parametrize(
    ("prompt", "completion", "total", "details", "usage"),
    [
        # https://docs.x.ai/docs/guides/reasoning, and Gemini's OpenAI face without any details.
        (173, 12, 260, {"completion_tokens_details": {"reasoning_tokens": 75}},
         Usage(173, 87, reasoning_tokens=75)),
        (66, 6, 100, {}, Usage(66, 34)),
        (9, 248, 632, {"prompt_tokens_details": {"audio_tokens": 375}},
         Usage(384, 248, audio_input_tokens=375)),
        (9, 20, 29, {"completion_tokens_details": {"reasoning_tokens": 15}},
         Usage(9, 20, reasoning_tokens=15)),
        (9, 20, 40, {"completion_tokens_details": {"reasoning_tokens": 15}},
         Usage(9, 20, reasoning_tokens=15)),
        (9, 20, 5, {}, Usage(9, 20)),
    ],
)  # fmt: skip
def test_what_stands_beside_the_counts_is_put_into_them(
    prompt: int, completion: int, total: int, details: dict[str, Any], usage: Usage
) -> None:
    value = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    assert read_usage({**value, **details}) == usage


def test_no_more_is_cached_than_was_sent() -> None:
    # Azure's Grok counts a longer prompt as cached than it counts at all.
    value = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
    found = read_usage({**value, "prompt_tokens_details": {"cached_tokens": 161}})
    assert found == Usage(7, 1, cached_tokens=7)


@pytest.mark.parametrize(
    ("said", "nano"),
    [
        ({"cost": 0.00014}, 140_000),
        ({"cost": 0, "is_byok": False}, 0),
        (
            {
                "cost": 0.000001,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 0.00002},
            },
            21_000,
        ),
        ({"cost": {"total_cost": 0.0051, "currency": "USD"}}, 5_100_000),
        ({"cost_in_usd_ticks": 1_721_251}, 172_126),
        ({"cost": "a lot"}, None),
        ({"cost": -1}, None),
        ({}, None),
    ],
)
def test_what_a_provider_says_that_a_call_costs_is_kept(
    said: dict[str, object], nano: int | None
) -> None:
    counts = {"prompt_tokens": 12, "completion_tokens": 3}
    for details in ({}, {"prompt_tokens_details": {"cached_tokens": 2}}):
        usage = read_usage({**counts, **details, **said})
        assert usage is not None
        assert usage.reported_cost == nano


def test_the_service_tier_of_a_reply_goes_with_its_usage() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    assert usage_of({"usage": usage, "service_tier": "flex"}) == Usage(12, 3, service_tier="flex")
    assert usage_of({"usage": usage, "service_tier": None}) == Usage(12, 3)
    assert usage_of({"service_tier": "flex"}) is None
