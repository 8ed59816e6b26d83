"""The operator's price comes first, then the provider's word, then the table, then nothing."""

from __future__ import annotations

from typing import Any

from pipelines.costs import account, asked_service, prices_for
from pipelines.exchange import Exchange
from pipelines.money import Prices
from pipelines.prices import ALWAYS, Book, Schedule, Tariff
from pipelines.usage import Usage
from tests.builders import a_body, a_call, a_deployment, an_exchange
from tests.builders import a_provider as provider

OWN = Prices(prompt=1_000_000, completion=2_000_000)


class Listed(Book):
    """Knows one model."""

    def find(self, provider: str, model: str) -> Tariff | None:
        services = (("flex", ALWAYS, {"prompt": 500}),)
        rates = {"prompt": 1_000, "completion": 3_000}
        return Schedule(((ALWAYS, rates),), services) if model == "gpt-4o" else None


def charged(usage: Usage, name: str = "openrouter", **more: Any) -> Exchange:
    fields: dict[str, Any] = {
        "model": "gpt-4o",
        "book": Listed(),
        "provider": provider(name),
        **more,
    }
    exchange = an_exchange(deployment=a_deployment(**fields))
    exchange.usage = usage
    account(exchange)
    return exchange


def test_the_operators_price_wins_over_what_the_provider_says() -> None:
    found = charged(Usage(10, 1, reported_cost=7), prices=OWN)
    assert (found.cost, found.cost_source) == (12_000, "operator")


def test_what_the_provider_says_wins_over_the_table() -> None:
    found = charged(Usage(10, 1, reported_cost=7))
    assert (found.cost, found.cost_source) == (7, "provider")


def test_only_those_are_believed_who_are_known_to_say_it_in_dollars() -> None:
    found = charged(Usage(10, 1, reported_cost=7), "acme")
    assert (found.cost, found.cost_source) == (13, "table")


def test_the_table_knows_what_nobody_says() -> None:
    found = charged(Usage(10, 1))
    assert (found.cost, found.cost_source) == (13, "table")


def test_an_unknown_price_is_unknown() -> None:
    found = charged(Usage(10, 1), model="other")
    assert (found.cost, found.cost_source) == (None, "unknown")


def test_a_base_model_stands_for_a_name_that_says_nothing() -> None:
    assert charged(Usage(10, 1), model="mine", base_model="gpt-4o").cost == 13


def test_the_service_tier_that_served_counts_else_the_one_that_was_asked_for() -> None:
    assert charged(Usage(10, 1, service_tier="flex")).cost == 8
    deployment = a_deployment(model="gpt-4o", book=Listed())
    exchange = an_exchange(a_call(a_body(service_tier="flex")), deployment=deployment)
    assert exchange.call.json
    assert asked_service(exchange) == "flex"
    exchange.usage = Usage(10, 1)
    account(exchange)
    assert exchange.cost == 8
    found = prices_for(exchange, deployment)
    assert found is not None
    assert found.prompt == 500


def test_the_usual_service_has_no_name() -> None:
    for body in ({}, {"service_tier": "auto"}, {"service_tier": 5}):
        call = a_call(a_body(**body))
        assert call.json
        assert asked_service(an_exchange(call)) == ""
    call = a_call(a_body(speed="fast"))
    assert call.json
    assert asked_service(an_exchange(call)) == "fast"


def test_without_a_price_nothing_can_be_said_before() -> None:
    assert prices_for(an_exchange(), a_deployment()) is None
