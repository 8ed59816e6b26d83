"""An exchange gives each field to those who come after the stage that set it."""

from __future__ import annotations

import pytest

from pipelines.continuation import Continuation
from pipelines.errors import StageOrder
from pipelines.exchange import Principal
from tests.builders import (
    KNOWN_USAGE,
    SECRET,
    a_call,
    a_deployment,
    a_principal,
    an_exchange,
    an_upstream_request,
)


@pytest.mark.parametrize(
    ("field", "giver"),
    [("principal", "auth"), ("deployment", "route"), ("upstream", "translate")],
)
def test_a_field_that_was_not_given_says_who_should_have(field: str, giver: str) -> None:
    with pytest.raises(StageOrder) as raised:
        getattr(an_exchange(), field)
    assert raised.value.status == 500
    assert field in raised.value.message
    assert repr(giver) in raised.value.message


def test_the_caller_is_who_auth_says() -> None:
    exchange = an_exchange()
    assert exchange.known_principal is None
    exchange.principal = a_principal("ann")
    assert exchange.principal.alias == "ann"
    assert exchange.known_principal is exchange.principal


def test_a_new_attempt_forgets_the_request_of_the_one_before() -> None:
    exchange = an_exchange()
    first = exchange.attempt(a_deployment("a"), 1.0)
    exchange.upstream = an_upstream_request()
    assert exchange.upstream.pool == "acme"
    second = exchange.attempt(a_deployment("b"), 2.0)
    assert exchange.attempts == [first, second]
    assert exchange.deployment.id == "b"
    with pytest.raises(StageOrder):
        _ = exchange.upstream


def test_an_attempt_begins_with_nothing_known() -> None:
    attempt = an_exchange().attempt(a_deployment(), 5.0)
    assert (attempt.started, attempt.committed, attempt.error) == (5.0, False, None)
    assert attempt.first_byte is attempt.ended is None


def test_two_exchanges_share_nothing() -> None:
    one, other = an_exchange(), an_exchange()
    one.notes["a"] = 1
    one.attempt(a_deployment(), 1.0)
    assert (other.notes, other.attempts) == ({}, [])
    assert one != other


@pytest.mark.parametrize(
    ("models", "model", "may"),
    [(None, "x", True), (frozenset({"x"}), "x", True), (frozenset({"x"}), "y", False)],
)
def test_a_caller_may_use_all_models_or_those_of_the_list(
    models: frozenset[str] | None, model: str, may: bool
) -> None:
    assert Principal("ann", models=models).may_use(model) is may


def test_a_caller_of_an_empty_list_may_use_nothing() -> None:
    assert not Principal("ann", models=frozenset()).may_use("x")


def test_an_exchange_shows_no_secret_and_no_prompt() -> None:
    call = a_call(headers=[(b"authorization", b"Bearer " + SECRET.encode())])
    exchange = an_exchange(call, a_principal(), a_deployment())
    exchange.upstream = an_upstream_request()
    exchange.upstream.headers["Authorization"] = SECRET
    assert not any(word in repr(exchange) for word in (SECRET, "hello"))


def test_what_is_kept_belongs_to_the_key_or_to_the_name_of_a_caller_without_one() -> None:
    assert Principal("ann", "digest").owner == "digest"
    assert Principal("anonymous").owner == "anonymous"


def test_what_was_branched_off_stands_for_the_call_once_it_is_adopted() -> None:
    exchange = an_exchange(principal=a_principal(), deployment=a_deployment("d1"))
    exchange.continuation = Continuation()
    branch = exchange.branch()
    assert branch.continuation is not exchange.continuation
    other = branch.attempt(a_deployment("d2"), 101.0)
    exchange.attempts.insert(0, other)
    branch.upstream = an_upstream_request()
    branch.usage, branch.cost = KNOWN_USAGE, 7
    branch.losses = ["dropped:seed"]
    exchange.attempts[-1].cost = 3
    exchange.adopt(branch)
    assert [one.deployment.id for one in exchange.attempts] == ["d1", "d2"]
    assert (exchange.deployment.id, exchange.was_sent) == ("d2", True)
    assert (exchange.usage, exchange.total_cost) == (KNOWN_USAGE, 10)
    assert exchange.losses == ["dropped:seed"]
    assert exchange.continuation is branch.continuation
