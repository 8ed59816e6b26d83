"""What would be asked for a call is told as a call would find it, and nothing is changed by it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from pipelines.errors import UnknownModel
from pipelines.exchange import Principal
from pipelines.routing.choice import Chooser
from pipelines.routing.explain import Explainer, Explanation
from pipelines.routing.filters import View
from pipelines.routing.health import Rest
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Fallbacks, Routes
from pipelines.routing.strategies import Means, SimpleShuffle
from pipelines.routing.tries import Rules
from tests.builders import a_body, a_call, a_deployment, a_principal, an_exchange
from tests.fakes.ports import FakeClock

A, B = a_deployment("a", weight=3), a_deployment("b", weight=1)
HIGHER = a_deployment("c", order=1)
SPARE, LAST = a_deployment("s", "spare"), a_deployment("l", "last")
FALLBACKS = Fallbacks(
    {"gpt": ["nowhere", "spare"], "spare": ["last", "gpt"]}, context_window={"gpt": ["last"]}
)
CLOCK = FakeClock()


def explained(
    view: View | None = None,
    principal: Principal | None = None,
    policy: RoutePolicy | None = None,
    **fields: Any,
) -> Explanation:
    view = view or View()
    strategy = SimpleShuffle(Means(view.traffic, Random(1)))
    routes = Routes([A, B, HIGHER, SPARE, LAST], {"nick": "gpt"}, FALLBACKS)
    rules = Rules(routes, policy or RoutePolicy(), Random(1))
    exchange = an_exchange(a_call(a_body(**fields)), principal or a_principal())
    return Explainer(rules, Chooser(view, strategy, CLOCK)).explain(exchange)


def order(found: Explanation, role: str = "fallback") -> list[str]:
    return [one.name for one in found.groups if one.role == role]


def test_every_deployment_of_the_group_is_told_with_what_removed_it_and_its_share() -> None:
    first = explained().groups[0]
    assert [one.deployment.id for one in first.deployments] == ["a", "b", "c"]
    a, b, c = first.deployments
    assert 0.6 < a.share < 0.9
    assert a.share + b.share == 1
    assert (a.removed, b.removed, c.share) == ("", "", 0)
    assert c.removed == "it is of order 1, and others of order 0"


def test_an_alias_leads_to_its_group() -> None:
    first = explained(model="nick").groups[0]
    assert (first.name, first.group) == ("nick", "gpt")


def test_a_rest_is_told_with_its_reason_and_the_others_take_over() -> None:
    view = View()
    view.health.heard({"a": Rest(CLOCK.time() + 5, "it refused")})
    a, b, _ = explained(view).groups[0].deployments
    assert "it refused" in a.removed
    assert a.rest is not None
    assert b.share == 1


def test_what_is_used_of_a_deployment_is_told() -> None:
    view = View()
    view.traffic.begin("a", CLOCK.time())
    view.traffic.told("a", CLOCK.time(), 2.0, 10)
    a = explained(view).groups[0].deployments[0]
    assert (a.seen.in_flight, a.seen.requests, a.latency) == (1, 1, 0.2)


def test_fallbacks_are_told_in_their_order_and_those_that_nobody_serves_are_passed_over() -> None:
    found = explained()
    assert order(found) == ["nowhere", "spare", "last"]
    assert order(found, "context_window") == ["last"]
    assert found.groups[1].passed_over == "no deployment serves this name"
    assert found.groups[2].passed_over == ""


def test_the_callers_own_fallbacks_take_the_place_of_the_operators() -> None:
    assert order(explained(fallbacks=["last"])) == ["last"]
    assert order(explained(disable_fallbacks=True)) == []


def test_a_group_that_the_caller_may_not_use_is_passed_over_where_that_is_checked() -> None:
    caller = a_principal(models=["gpt", "last"])
    assert explained(principal=caller).groups[2].passed_over == ""
    policy = replace(RoutePolicy(), checks_fallbacks=True)
    found = explained(principal=caller, policy=policy).groups[2]
    assert (found.allowed, found.passed_over) == (False, "the caller may not use it")


def test_a_group_none_of_whose_deployments_may_be_asked_is_passed_over() -> None:
    view = View()
    view.health.heard({"s": Rest(CLOCK.time() + 5, "it refused")})
    found = explained(view).groups[2]
    assert found.passed_over == "none of its deployments may be asked now"


def test_the_calls_own_retries_and_time_win() -> None:
    usual = explained()
    assert (usual.retries, usual.total) == (2, 600.0)
    assert usual.tokens > 0
    own = explained(num_retries=5, timeout=3)
    assert (own.retries, own.total) == (5, 3)


def test_nothing_is_counted() -> None:
    view = View()
    explained(view)
    assert view.traffic.seen("a", CLOCK.time()).requests == 0
    assert not view.health.probing


def test_a_model_that_nobody_serves_is_an_error() -> None:
    with pytest.raises(UnknownModel):
        explained(model="nobody")
