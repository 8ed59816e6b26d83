"""What a call says of its routing is read from its body, then its headers."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.call import Call
from pipelines.errors import BadCall, Forbidden
from pipelines.events import Headers
from pipelines.routing.wishes import (
    MOST_RETRIES,
    NO_WISHES,
    Alternative,
    Wishes,
    resolved,
    wishes_of,
)
from tests.builders import a_body, a_call, a_principal


def a_wish(headers: Headers | None = None, **fields: Any) -> Call:
    return a_call(a_body("gpt", **fields), headers=headers)


def test_most_calls_say_nothing() -> None:
    assert wishes_of(a_wish([(b"host", b"x")], temperature=1)) is NO_WISHES


def test_the_body_wins_over_a_header() -> None:
    headers = [
        (b"x-litellm-timeout", b"7"),
        (b"x-litellm-num-retries", b"3"),
        (b"x-litellm-stream-timeout", b"0.5"),
    ]
    found = wishes_of(a_wish(headers, timeout=2.5, num_retries=None))
    assert (found.timeout, found.num_retries, found.stream_timeout) == (2.5, 3, 0.5)


def test_a_client_has_not_endless_retries() -> None:
    assert wishes_of(a_wish(num_retries=10**9)).num_retries == MOST_RETRIES


@pytest.mark.parametrize(
    "fields",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "soon"},
        {"timeout": True},
        {"timeout": "nan"},
        {"num_retries": 1.5},
        {"num_retries": -1},
        {"disable_fallbacks": "no"},
        {"fallbacks": [7]},
        {"fallbacks": [{"gpt": 7}]},
        {"fallbacks": [{"model": "b", "api_key": "sk-1"}]},
        {"fallbacks": [{"model": "b", "stream": True}]},
    ],
)
def test_nonsense_is_told_to_the_client(fields: dict[str, Any]) -> None:
    with pytest.raises(BadCall) as raised:
        wishes_of(a_wish(**fields))
    assert raised.value.param == next(iter(fields))
    assert "sk-1" not in raised.value.message


def test_fallbacks_are_names_or_maps_with_fields_or_lists_by_group() -> None:
    found = wishes_of(
        a_wish(fallbacks=["b", {"model": "c", "temperature": 0}, {"gpt": ["d"], "x": ["e"]}])
    )
    assert found.fallbacks == (
        Alternative("b"),
        Alternative("c", {"temperature": 0}),
        Alternative("d"),
    )
    assert wishes_of(a_wish(fallbacks=[{"*": ["d"]}])).fallbacks == (Alternative("d"),)
    assert wishes_of(a_wish(fallbacks=[])).fallbacks == ()


def test_fallbacks_for_long_prompts_may_be_written_as_in_the_sdk() -> None:
    found = wishes_of(a_wish(context_window_fallback_dict={"gpt": "long"}))
    assert found.context_window_fallbacks == (Alternative("long"),)


def test_a_session_is_named_by_a_header_or_the_metadata() -> None:
    assert wishes_of(a_wish([(b"x-session-id", b"s1")])).session == "s1"
    assert wishes_of(a_wish(metadata={"session_id": "s2"})).session == "s2"
    assert wishes_of(a_wish(metadata={"user_id": "u"})).session == ""


def test_a_caller_names_only_models_that_it_may_use() -> None:
    wishes = Wishes(fallbacks=(Alternative("b"),))
    assert resolved(wishes, a_principal(models=["b"])) == wishes
    with pytest.raises(Forbidden):
        resolved(wishes, a_principal(models=["gpt"]))
