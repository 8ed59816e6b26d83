"""The filters take away who cannot serve, in their order, and say why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from pipelines.deployment import Deployment
from pipelines.exchange import Exchange
from pipelines.routing.affinity import Affinity, Stickiness
from pipelines.routing.filters import Checks, Selection, View, select
from pipelines.routing.health import Rest
from pipelines.routing.tags import Tagging
from pipelines.routing.wishes import NO_WISHES, Wishes
from tests.builders import a_body, a_call, a_deployment, a_principal, an_exchange

NOON = 43_200.0
A, B, C = a_deployment("a"), a_deployment("b"), a_deployment("c", order=1)


def selected(
    candidates: Sequence[Deployment],
    view: View | None = None,
    exchange: Exchange | None = None,
    wishes: Wishes = NO_WISHES,
    tried: Collection[str] = (),
) -> Selection:
    return select(candidates, exchange or called(), NOON, view or View(), wishes, tried)


def called(tags: tuple[str, ...] = (), **fields: Any) -> Exchange:
    caller = replace(a_principal(), tags=tags)
    return an_exchange(a_call(a_body(**fields)), caller)


def ids(found: Selection) -> list[str]:
    return [one.id for one in found.kept]


def resting(view: View, *names: str) -> View:
    view.health.heard({name: Rest(NOON + 5, "it refused") for name in names})
    return view


def test_all_of_the_lowest_order_are_kept() -> None:
    found = selected([A, B, C])
    assert ids(found) == ["a", "b"]
    assert found.removed == ((C, "it is of order 1, and others of order 0"),)


def test_one_that_rests_is_removed_and_a_higher_order_takes_its_place() -> None:
    found = selected([A, C], resting(View(), "a"))
    assert ids(found) == ["c"]
    ((one, why),) = found.removed
    assert one is A
    assert why == "it rests for 5.0 s: it refused"


def test_where_all_rest_the_cause_is_the_rest() -> None:
    found = selected([A, B], resting(View(), "a", "b"))
    assert (ids(found), found.cause) == ([], "rest")


def test_one_that_was_tried_is_not_tried_again_and_no_higher_order_before_its_turn() -> None:
    assert ids(selected([A, B, C], tried=["a"])) == ["b"]
    found = selected([A, B, C], tried=["a", "b"])
    assert (ids(found), found.cause) == ([], "tried")


def test_prompts_abilities_and_regions_are_looked_at_where_the_operator_wants_it() -> None:
    blind = a_deployment("blind", abilities={"function_calling": False})
    exchange = called(tools=[{"type": "function"}], allowed_model_region="eu")
    here = a_deployment("here", region="eu")
    assert ids(selected([blind, here], exchange=exchange)) == ["blind", "here"]
    view = View(checks=Checks(prompts=True))
    found = selected([blind, here, A], view, exchange)
    assert ids(found) == ["here"]
    assert [one.id for one, _ in found.removed] == ["blind", "a"]


def test_the_last_filter_that_took_one_is_the_cause() -> None:
    view = View(checks=Checks(prompts=True))
    blind = a_deployment("blind", abilities={"function_calling": False})
    found = selected([blind], view, called(tools=[{"type": "function"}]))
    assert found.cause == "ability"
    assert selected([A], view, called(allowed_model_region="eu")).cause == "region"
    long = called(messages=[{"role": "user", "content": "word " * 9000}])
    assert selected([a_deployment("x", max_input=100)], view, long).cause == "context"


def test_tags_are_the_callers_and_the_calls_own() -> None:
    view = View(checks=Checks(tagging=Tagging()))
    paid = a_deployment("paid", tags=frozenset({"paid"}))
    assert ids(selected([A, paid], view, called(("paid",)))) == ["paid"]
    assert ids(selected([A, paid], view, wishes=Wishes(tags=("paid",)))) == ["paid"]
    assert selected([A, paid], view, called(("free",))).cause == "tags"
    assert ids(selected([A, paid], exchange=called(("free",)))) == ["a", "paid"]


def test_a_call_whose_only_fitting_deployment_rests_hears_of_the_rest() -> None:
    view = resting(View(checks=Checks(tagging=Tagging())), "paid")
    paid = a_deployment("paid", tags=frozenset({"paid"}))
    found = selected([A, paid], view, called(("paid",)))
    assert (ids(found), found.cause) == ([], "rest")


def test_a_session_stays_with_its_deployment_unless_it_failed_or_rests() -> None:
    view = View(affinity=Affinity(Stickiness(session=True)))
    session, exchange = Wishes(session="s"), called()
    assert view.affinity is not None
    view.affinity.served(B, exchange, session, NOON)
    found = selected([A, B, C], view, exchange, session)
    assert ids(found) == ["b"]
    assert found.removed[-1][1] == "another deployment served the same session"
    assert ids(selected([A, B], view, exchange)) == ["a", "b"]
    assert ids(selected([A, B], view, exchange, session, tried=["b"])) == ["a"]
    assert ids(selected([A, B], resting(view, "b"), exchange, session)) == ["a"]


def test_a_view_has_only_the_filters_that_it_needs() -> None:
    assert [name for name, _ in View().filters] == ["rest", "order", "tried"]
    every = View(checks=Checks(True, Tagging()), affinity=Affinity(Stickiness(caller=True)))
    assert [name for name, _ in every.filters] == [
        "rest", "context", "ability", "region", "tags", "order", "tried", "affinity",
    ]  # fmt: skip
