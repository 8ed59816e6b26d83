"""Texts are kept only where the operator says yes and nobody says no."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.call import Call
from pipelines.exchange import Principal
from pipelines.privacy import TextPolicy
from tests.builders import a_body, a_call

STORED = TextPolicy(stored=True)
ANN = Principal("ann")
OWN = {"logging": [{"callback_name": "langfuse", "callback_vars": {}}]}


def read(call: Call) -> Call:
    """The call as it is when its body was looked at."""
    assert call.json
    return call


def caller(**metadata: Any) -> Principal:
    return Principal("ann", metadata=metadata)


def test_nothing_is_kept_by_default() -> None:
    assert not TextPolicy().on
    assert not TextPolicy().wants(read(a_call()), caller(**OWN))


@pytest.mark.parametrize("policy", [STORED, TextPolicy(told=True)])
def test_texts_are_kept_where_the_operator_wants_it(policy: TextPolicy) -> None:
    assert policy.on
    assert policy.wants(read(a_call()), ANN)


def test_texts_are_kept_for_keys_that_have_callbacks_of_their_own() -> None:
    policy = TextPolicy(own_callbacks=True)
    assert policy.wants(read(a_call()), caller(**OWN))
    assert not policy.wants(read(a_call()), ANN)


def test_a_body_that_nobody_read_is_not_kept() -> None:
    assert not STORED.wants(a_call(), ANN)


@pytest.mark.parametrize(
    "metadata",
    [
        {"turn_off_message_logging": True},
        {"turn_off_message_logging": "True"},
        {"logging": [{"callback_vars": {"turn_off_message_logging": "true"}}]},
    ],
)
def test_a_keys_owner_may_say_no(metadata: dict[str, Any]) -> None:
    assert not STORED.wants(read(a_call()), caller(**metadata))


@pytest.mark.parametrize(
    "metadata",
    [{"turn_off_message_logging": False}, {"logging": 5}, {"logging": ["x", {"callback_vars": 1}]}],
)
def test_what_is_no_no_is_none(metadata: dict[str, Any]) -> None:
    assert STORED.wants(read(a_call()), caller(**metadata))


@pytest.mark.parametrize(
    "fields",
    [
        {"no-log": True},
        {"turn_off_message_logging": True},
        {"metadata": {"turn_off_message_logging": "true"}},
        {"litellm_metadata": {"no-log": True}},
    ],
)
def test_a_client_may_say_no_in_its_body(fields: dict[str, Any]) -> None:
    assert not STORED.wants(read(a_call(a_body(**fields))), ANN)
    assert STORED.wants(read(a_call(a_body(metadata={"x": 1}))), ANN)


@pytest.mark.parametrize(
    ("value", "kept"), [(b"true", False), (b"1", False), (b"false", True), (b"", True)]
)
def test_a_client_may_say_no_by_a_header(value: bytes, kept: bool) -> None:
    for name in (b"x-litellm-enable-message-redaction", b"litellm-enable-message-redaction"):
        assert STORED.wants(read(a_call(headers=[(name, value)])), ANN) is kept


def test_nobody_but_the_operator_may_say_yes() -> None:
    call = read(a_call(a_body(turn_off_message_logging=False)))
    assert not TextPolicy().wants(call, caller(turn_off_message_logging=False))
