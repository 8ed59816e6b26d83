"""The choices of one call: who is there, who first, and what is said where nobody is."""

from __future__ import annotations

from random import Random

from pipelines.errors import ContextTooLong, NoDeployment, Overloaded
from pipelines.routing.choice import CallChoice, Chooser
from pipelines.routing.filters import Checks, View
from pipelines.routing.health import Health
from pipelines.routing.retry_budget import FLOOR
from pipelines.routing.strategies import Means, SimpleShuffle
from pipelines.routing.tags import Tagging
from pipelines.routing.wishes import NO_WISHES
from tests.builders import a_deployment, a_principal, an_exchange
from tests.fakes.ports import FakeClock


def a_choice(view: View | None = None) -> CallChoice:
    view = view or View(Health())
    strategy = SimpleShuffle(Means(view.traffic, Random(1)))
    chooser = Chooser(view, strategy, FakeClock())
    return chooser.for_call(an_exchange(principal=a_principal()), NO_WISHES, "gpt")


def test_the_lowest_order_is_kept_and_what_is_closed_is_not() -> None:
    group = (a_deployment("a"), a_deployment("b"), a_deployment("c", order=2))
    choice = a_choice()
    assert choice.kept(group, ()) == group[:2]
    assert choice.kept(group, {"a"}) == group[1:2]
    assert choice.kept(group, {"a", "b"}) == ()
    assert choice.choose(group[1:2]) is group[1]


def test_who_rests_is_not_kept_and_the_client_is_told_when_to_come_back() -> None:
    view, one = View(Health()), a_deployment("a")
    choice = a_choice(view)
    view.health.failed(one, Overloaded("no", 429, 7.0), FakeClock().time(), False)
    assert choice.kept((one,), ()) == ()
    assert choice.pause(one) == 7.0
    error = choice.nobody("gpt", (one,))
    assert isinstance(error, NoDeployment)
    assert (error.status, error.retry_after) == (429, 7.0)
    assert error.message == (
        "No deployments available for selected model 'gpt', Try again in 7 seconds."
        " It failed of late (rate_limit_exceeded)."
    )


def test_a_prompt_that_fits_nowhere_is_told_as_such() -> None:
    choice = a_choice(View(Health(), checks=Checks(prompts=True)))
    group = (a_deployment("a", max_input=1),)
    assert choice.kept(group, ()) == ()
    assert isinstance(choice.refusal, ContextTooLong)
    assert isinstance(choice.nobody("gpt", group), ContextTooLong)


def test_tags_that_fit_nothing_are_refused_as_litellm_does() -> None:
    view = View(Health(), checks=Checks(tagging=Tagging()))
    strategy = SimpleShuffle(Means(view.traffic, Random(1)))
    exchange = an_exchange(principal=a_principal())
    wishes = NO_WISHES.__class__(tags=("gold",))
    choice = Chooser(view, strategy, FakeClock()).for_call(exchange, wishes, "gpt")
    group = (a_deployment("a", tags=frozenset({"silver"})),)
    assert choice.kept(group, ()) == ()
    error = choice.nobody("gpt", group)
    assert (error.status, error.hopeless) == (401, True)


def test_going_to_one_that_is_well_is_never_refused() -> None:
    view, one = View(Health()), a_deployment("a")
    choice = a_choice(view)
    assert all(choice.spend([one]) for _ in range(50))
    view.health.failed(one, Overloaded("no", 503), FakeClock().time(), True)
    assert not choice.spend([one])
    other = a_choice(view)
    assert sum(other.spend([one]) for _ in range(50)) <= FLOOR + 1
