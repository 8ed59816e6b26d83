"""Who rests, for how long, and how it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deployment import Deployment
from pipelines.errors import (
    Busy,
    ConnectFailed,
    Denied,
    GatewayError,
    ModelNotFound,
    Overloaded,
    Rejected,
    UpstreamFailed,
)
from pipelines.routing.health import FEWEST, LONGEST_REST, PROBE_PATIENCE, Health, Rest
from pipelines.routing.policy import Cooldowns
from tests.builders import a_deployment

NOW = 1000.0
ONE = a_deployment("a")


def failing(
    health: Health,
    error: GatewayError,
    times: int,
    deployment: Deployment = ONE,
    alone: bool = False,
) -> Rest | None:
    """So many failures at one moment; gives what the last one led to."""
    rest = None
    for _ in range(times):
        rest = health.failed(deployment, error, NOW, alone)
    return rest


def test_one_failure_is_let_pass() -> None:
    health = Health()
    assert failing(health, UpstreamFailed("no"), 1) is None
    assert health.available(ONE, NOW)


def test_most_of_at_least_five_calls_must_fail() -> None:
    health = Health()
    for _ in range(2):
        health.succeeded(ONE, NOW)
    assert failing(health, UpstreamFailed("no"), 2) is None
    rest = failing(health, UpstreamFailed("no"), 1)
    assert rest is not None
    assert (rest.until, rest.reason) == (NOW + 5, "3 of 5 calls failed in a minute: no")
    assert not health.available(ONE, NOW + 4.9)
    assert health.available(ONE, NOW + 5)


def test_calls_of_another_minute_count_for_nothing() -> None:
    health = Health()
    failing(health, Overloaded("no", 503), 4, alone=True)
    assert health.failed(ONE, UpstreamFailed("no"), NOW + 61, False) is None


@pytest.mark.parametrize(
    "error", [ConnectFailed("no"), UpstreamFailed("no"), Overloaded("no", 503)]
)
def test_a_single_deployment_rests_where_all_its_last_calls_failed_outright(
    error: GatewayError,
) -> None:
    health = Health()
    for _ in range(100):
        health.succeeded(ONE, NOW)
    assert failing(health, error, FEWEST - 1, alone=True) is None
    assert failing(health, error, 1, alone=True) is not None


@pytest.mark.parametrize("error", [Overloaded("no"), Denied("no"), ModelNotFound("no", 404)])
def test_a_limit_and_a_refusal_rest_at_once_where_there_are_others(error: GatewayError) -> None:
    assert failing(Health(), error, 1) is not None
    assert failing(Health(), error, 20, alone=True) is None


@pytest.mark.parametrize("error", [Rejected("no"), Busy("no")])
def test_what_is_no_fault_of_the_deployment_never_counts(error: GatewayError) -> None:
    health = Health()
    assert failing(health, error, 50) is None
    assert health.clean(ONE, NOW)


def test_a_name_that_a_client_made_up_does_not_stop_a_wildcard() -> None:
    wild = a_deployment("w", "acme/*", model="x")
    assert failing(Health(), ModelNotFound("no", 404), 1, wild) is None


@pytest.mark.parametrize(
    ("cooldowns", "deployment", "asked", "seconds"),
    [
        ({}, {}, None, 5.0),
        ({}, {}, 7.0, 7.0),
        ({}, {}, 3600.0, LONGEST_REST),
        ({"seconds": 30.0}, {}, 7.0, 30.0),
        ({"seconds": 30.0}, {"cooldown": 2.0}, 7.0, 2.0),
    ],
)
def test_a_rest_is_as_long_as_the_operator_says_else_as_the_provider_asks(
    cooldowns: dict[str, Any], deployment: dict[str, Any], asked: float | None, seconds: float
) -> None:
    one = a_deployment("a", **deployment)
    rest = failing(Health(Cooldowns(**cooldowns)), Overloaded("no", 429, asked), 1, one)
    assert rest is not None
    assert rest.seconds == seconds


def test_after_a_rest_one_call_at_a_time_is_let_through() -> None:
    health = Health()
    failing(health, Overloaded("no"), 1)
    assert not health.begin(a_deployment("b"), NOW + 5)
    assert health.begin(ONE, NOW + 5)
    assert not health.available(ONE, NOW + 6)
    assert health.available(ONE, NOW + 5 + PROBE_PATIENCE)
    health.left(ONE)
    assert health.available(ONE, NOW + 6)


def test_a_good_try_ends_it_and_a_bad_one_doubles_it() -> None:
    health = Health()
    failing(health, Overloaded("no"), 1)
    at, lengths = NOW, []
    for _ in range(6):
        at += 60
        health.begin(ONE, at)
        rest = health.failed(ONE, UpstreamFailed("still no"), at, alone=True)
        assert rest is not None
        lengths.append(rest.seconds)
    assert lengths == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    health.begin(ONE, at + 60)
    health.answered(ONE, at + 60)
    assert health.available(ONE, at + 60)
    assert not health.resting


def test_a_straggler_changes_nothing_in_a_rest() -> None:
    health = Health()
    rest = failing(health, Overloaded("no"), 1)
    assert failing(health, Overloaded("no"), 9) is None
    health.succeeded(ONE, NOW + 1)
    assert health.rest("a", NOW + 1) is rest


def test_the_operator_says_how_many_failures_are_let_pass() -> None:
    health = Health(Cooldowns(allowed_fails=3, allowed_by_family={"rate_limit": 1}))
    assert failing(health, UpstreamFailed("no"), 3) is None
    assert failing(health, UpstreamFailed("no"), 1) is not None
    health = Health(Cooldowns(allowed_fails=3, allowed_by_family={"rate_limit": 1}))
    assert failing(health, Overloaded("no"), 1) is None
    assert failing(health, Overloaded("no"), 1) is not None
    own = a_deployment("own", allowed_fails=0)
    assert failing(Health(Cooldowns(allowed_fails=3)), UpstreamFailed("no"), 1, own) is not None


def test_nobody_rests_where_the_operator_does_not_want_it() -> None:
    assert failing(Health(Cooldowns(disabled=True)), Overloaded("no"), 50) is None


def test_who_failed_of_late_is_not_clean_until_it_answers() -> None:
    health = Health()
    failing(health, UpstreamFailed("no"), 1)
    assert not health.clean(ONE, NOW + 1)
    assert health.clean(ONE, NOW + 11)
    health.succeeded(ONE, NOW + 1)
    assert health.clean(ONE, NOW + 1)


def test_rests_of_other_processes_are_kept_too_and_those_of_strangers_forgotten() -> None:
    health = Health()
    health.heard({"a": Rest(NOW + 3, "elsewhere"), "gone": Rest(NOW + 3, "elsewhere")})
    assert health.pause(ONE, NOW) == 3.0
    health.keep(["a"])
    assert list(health.rests(NOW)) == ["a"]
    assert health.rests(NOW + 3) == {}


def test_rests_that_began_are_counted_with_what_they_began_with() -> None:
    health = Health()
    failing(health, UpstreamFailed("no"), 3 * FEWEST)
    kind = ("a", UpstreamFailed("no").status)
    assert health.begun == {kind: 1}
    health.keep(["b"])
    assert health.begun == {}
