"""What a call needs is seen in its body, and only what is known takes a deployment away."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.routing.needs import abilities_of, elsewhere, region_of, too_short, unable, within
from tests.builders import a_body, a_call, a_deployment, a_principal, an_exchange

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
FILE = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}
TOOL = {"type": "function", "function": {"name": "look"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}


def said(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        ({"messages": [{"role": "user", "content": "image_url"}]}, set()),
        (said(PICTURE), {"vision"}),
        (said(SOUND), {"audio_input"}),
        (said(FILE), {"pdf_input"}),
        ({"tools": [TOOL]}, {"function_calling"}),
        ({"functions": [{"name": "look"}]}, {"function_calling"}),
        ({"tools": []}, set()),
        ({"tools": [{"type": "web_search_preview"}]}, {"web_search"}),
        ({"tools": [{"google_search": {}}, TOOL]}, {"web_search", "function_calling"}),
        ({"web_search_options": {}}, {"web_search"}),
        ({"response_format": SCHEMA}, {"response_schema"}),
        ({"response_format": {"type": "json_object"}}, set()),
        ({"text": {"format": {"type": "json_schema"}}}, {"response_schema"}),
        ({"generationConfig": {"responseSchema": {"type": "OBJECT"}}}, {"response_schema"}),
        ({"format": {"type": "object"}}, {"response_schema"}),
        ({"modalities": ["text", "audio"]}, {"audio_output"}),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}, {"vision"}),
        ({"messages": 3, "tools": "x", "text": 1, "modalities": None}, set()),
    ],
)
def test_the_abilities_that_a_body_needs(body: dict[str, Any], needs: set[str]) -> None:
    assert set(abilities_of(body)) == needs


def test_only_one_that_is_said_to_be_unable_is_taken_away() -> None:
    call = a_call(a_body(tools=[TOOL]))
    some = [
        a_deployment("can", abilities={"function_calling": True}),
        a_deployment("cannot", abilities={"function_calling": False, "vision": False}),
        a_deployment("unknown", abilities={"vision": False}),
    ]
    ((one, why),) = unable(some, an_exchange(call))
    assert one.id == "cannot"
    assert why == "the call needs function calling, and it is configured to have none"


def a_long_call(words: int) -> Any:
    return an_exchange(a_call(a_body(messages=[{"role": "user", "content": "word " * words}])))


def test_a_prompt_that_is_too_long_takes_away_the_short_windows() -> None:
    some = [
        a_deployment("short", max_input=1000),
        a_deployment("long", max_input=100_000),
        a_deployment("unknown"),
    ]
    ((one, why),) = too_short(some, a_long_call(4000))
    assert one.id == "short"
    assert "its context window of 1000 tokens is too short" in why
    assert too_short(some, a_long_call(500)) == []


def test_a_prompt_that_may_yet_fit_is_let_through_where_nothing_is_longer() -> None:
    # Some 4,400 tokens by our count, and 4,000 in truth.
    some = [a_deployment("a", max_input=1000), a_deployment("b", max_input=4000)]
    assert [one.id for one, _ in too_short(some, a_long_call(4000))] == ["a"]
    assert len(too_short(some, a_long_call(40_000))) == 2


def test_the_bytes_of_a_picture_are_no_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 90_000}}
    call = a_call(a_body(messages=[{"role": "user", "content": [picture]}]))
    assert too_short([a_deployment("a", max_input=8000)], an_exchange(call)) == []


@pytest.mark.parametrize(
    ("region", "allowed", "fits"),
    [
        ("eu", "eu", True),
        ("eu-west-1", "eu", True),
        ("europe-west4", "eu", True),
        ("westeurope", "eu", True),
        ("us-east-1", "eu", False),
        ("us-central1", "us", True),
        ("", "eu", False),
        ("ap-south-1", "ap", True),
    ],
)
def test_regions_of_clouds_are_parts_of_the_great_ones(
    region: str, allowed: str, fits: bool
) -> None:
    assert within(region, allowed) is fits


def test_a_region_is_the_callers_or_the_calls_own() -> None:
    call = a_call(a_body(allowed_model_region="EU"))
    exchange = an_exchange(call, a_principal())
    assert region_of(exchange) == "eu"
    some = [a_deployment("eu", region="eu-west-1"), a_deployment("us", region="us"), a_deployment()]
    assert [why for _, why in elsewhere(some, exchange)] == [
        "it stands in us, and the call is for eu",
        "it stands in no known region, and the call is for eu",
    ]
    assert elsewhere(some, an_exchange(a_call(), a_principal())) == []
