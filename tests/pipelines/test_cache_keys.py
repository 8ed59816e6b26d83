"""Two calls have one name only where one reply is good for both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.cache_keys import body_digest, cache_key, form_of, idempotency_name, sharer
from pipelines.cache_policy import CachePolicy
from pipelines.call import Call
from pipelines.conversation import Conversation
from pipelines.exchange import Principal
from pipelines.operations import MESSAGES, RESPONSES
from tests.builders import a_body, a_call

ON = CachePolicy(enabled=True)
ME = Principal("me", "digest-me", team_id="red", user_id="u1")


def named(call: Call, principal: Principal = ME, policy: CachePolicy = ON) -> str | None:
    return cache_key(call, principal, policy)


def body(**fields: Any) -> Call:
    return a_call(a_body(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "u"},
        {"metadata": {"a": 1}},
        {"stream": True},
        {"stream_options": {"include_usage": True}},
        {"cache": {"ttl": 1}},
        {"num_retries": 3},
        {"fallbacks": ["b"]},
        {"safety_identifier": "s"},
    ],
)
def test_what_changes_no_answer_changes_no_name(fields: dict[str, Any]) -> None:
    assert named(body(**fields)) == named(body())


@pytest.mark.parametrize(
    "call",
    [
        body(temperature=0),
        body(model="other"),
        body(seed=1),
        body(response_format={"type": "json_object"}),
        a_call(headers=[(b"anthropic-beta", b"b")]),
        a_call(a_body(max_tokens=1), MESSAGES),
    ],
)
def test_what_changes_the_answer_changes_the_name(call: Call) -> None:
    assert named(call) != named(body())


def test_the_order_of_fields_is_no_difference() -> None:
    one = a_call(b'{"model":"m","messages":[],"top_p":1}')
    two = a_call(b'{"top_p":1, "messages":[], "model":"m"}')
    assert named(one) == named(two)


def test_values_cannot_be_mixed_up_with_names() -> None:
    assert named(body(stop="a", seed="b")) != named(body(stop="aseed: b"))
    assert cache_key(body(), ME, ON, "ab") != cache_key(body(), ME, replace(ON, namespace="ab"))


def test_who_shares() -> None:
    assert sharer(ME, "team") == "team:red"
    assert sharer(replace(ME, team_id=None), "team") == "user:u1"
    assert sharer(replace(ME, team_id=None, user_id=None), "team") == "key:digest-me"
    assert sharer(ME, "key") == "key:digest-me"
    assert sharer(ME, "all") == ""


def test_callers_of_two_regions_share_nothing() -> None:
    assert named(body(), replace(ME, region="eu")) != named(body())


def a_response(**fields: Any) -> Call:
    return a_call(a_body(input="hi", **fields), RESPONSES)


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "background"])
def test_a_response_that_goes_on_from_another_is_one_of_a_kind(field: str) -> None:
    assert named(a_response(**{field: "x"})) is None
    assert named(a_response()) is not None


def test_a_response_that_will_be_gone_on_from_is_shared_with_nobody() -> None:
    call = a_response()
    mate = replace(ME, digest="digest-mate")
    assert named(call) == named(call, mate)
    kept = call.within(Conversation("1", keeps=True))
    assert named(kept) != named(kept, mate)


def test_a_response_tells_the_callers_words_again() -> None:
    assert named(a_response(metadata={"a": "1"})) != named(a_response())


def test_a_body_that_cannot_be_written_has_no_name() -> None:
    call = a_call()
    call.json["x"] = object()  # type: ignore[index]
    assert named(call) is None
    assert body_digest(call) == ""


def test_forms_are_told_apart() -> None:
    assert form_of(body()) == "whole"
    assert form_of(body(stream=True)) == "stream"
    told = body(stream=True, stream_options={"include_usage": True})
    assert form_of(told) == "stream+usage"


def test_an_idempotency_key_is_its_callers_own() -> None:
    assert idempotency_name(ME, "k") == idempotency_name(ME, "k")
    assert idempotency_name(ME, "k") != idempotency_name(replace(ME, digest="d"), "k")
