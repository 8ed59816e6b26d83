"""Every strategy names the deployment that it should, and is not slow to change its mind."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from pipelines.deployment import Deployment
from pipelines.prices import ALWAYS, Schedule
from pipelines.routing.strategies import BUILT_IN_STRATEGIES, BadArguments, Means, Strategy
from pipelines.routing.traffic import Traffic
from tests.builders import a_deployment, a_stream_call, an_exchange

NOON = 43_200.0
EXCHANGE = an_exchange()
NAMES = [name for name, _ in BUILT_IN_STRATEGIES]


def made(name: str, traffic: Traffic, **args: Any) -> Strategy:
    return dict(BUILT_IN_STRATEGIES)[name](Means(traffic, Random(11), args))


def busy(traffic: Traffic, id: str, calls: int, tokens: int = 0) -> None:
    for _ in range(calls):
        traffic.begin(id, NOON)
    for _ in range(calls):
        traffic.end(id, NOON, tokens)


def cost(price: int) -> Schedule:
    return Schedule(((ALWAYS, {"prompt": price, "completion": price}),))


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_takes_the_only_one(name: str) -> None:
    only = a_deployment("a")
    assert made(name, Traffic()).choose([only], EXCHANGE, NOON) is only


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_spreads_calls_where_nothing_is_known(name: str) -> None:
    pair = [a_deployment("a"), a_deployment("b")]
    strategy = made(name, Traffic())
    assert len({strategy.choose(pair, EXCHANGE, NOON).id for _ in range(50)}) == 2


def test_simple_shuffle_spreads_a_thousand_calls_by_weights_within_three_points() -> None:
    trio = [a_deployment(name, weight=weight) for name, weight in (("a", 5), ("b", 3), ("c", 2))]
    strategy = made("simple-shuffle", Traffic())
    counts = Counter(strategy.choose(trio, EXCHANGE, NOON).id for _ in range(1000))
    assert all(
        abs(counts[id] - wanted) <= 30 for id, wanted in (("a", 500), ("b", 300), ("c", 200))
    )


def test_least_busy_leaves_a_slow_one_within_ten_calls() -> None:
    # A call a second; the slow one keeps each for a minute, the other answers at once.
    traffic, pair = Traffic(), [a_deployment("slow"), a_deployment("fast")]
    strategy = made("least-busy", traffic)
    asked: list[str] = []
    for second in range(60):
        chosen = strategy.choose(pair, EXCHANGE, NOON + second).id
        asked.append(chosen)
        traffic.begin(chosen, NOON + second)
        if chosen == "fast":
            traffic.end(chosen, NOON + second)
    assert "slow" not in asked[10:]


def test_least_busy_measures_by_how_many_calls_each_takes() -> None:
    traffic = Traffic()
    for id, calls in (("big", 5), ("small", 2)):
        for _ in range(calls):
            traffic.begin(id, NOON)
    pair = [a_deployment("big", parallel=10), a_deployment("small", parallel=2)]
    strategy = made("least-busy", traffic)
    assert strategy.choose(pair, EXCHANGE, NOON).id == "big"
    pair = [a_deployment("big", parallel=10), a_deployment("small")]
    assert strategy.choose(pair, EXCHANGE, NOON).id == "small"


@pytest.mark.parametrize("name", ["usage-based-routing", "usage-based-routing-v2"])
def test_usage_goes_by_the_share_of_the_limits_that_is_used(name: str) -> None:
    traffic = Traffic()
    busy(traffic, "big", 10, 50)
    busy(traffic, "small", 2, 50)
    strategy = made(name, traffic)
    limited = [a_deployment("big", tpm=10_000), a_deployment("small", tpm=1000)]
    assert strategy.choose(limited, EXCHANGE, NOON).id == "big"
    by_requests = [a_deployment("big", rpm=1000), a_deployment("small", rpm=10)]
    assert strategy.choose(by_requests, EXCHANGE, NOON).id == "big"
    free = [a_deployment("big"), a_deployment("small")]
    assert strategy.choose(free, EXCHANGE, NOON).id == "small"


def test_usage_passes_over_one_whose_minute_is_used_up() -> None:
    traffic = Traffic()
    busy(traffic, "limited", 1, 5)
    busy(traffic, "free", 1, 500)
    pair = [a_deployment("limited", rpm=1), a_deployment("free")]
    assert made("usage-based-routing", traffic).choose(pair, EXCHANGE, NOON).id == "free"


def test_usage_counts_what_is_in_flight_at_the_cost_of_the_others() -> None:
    traffic = Traffic()
    busy(traffic, "a", 2, 100)
    busy(traffic, "b", 3, 100)
    traffic.begin("a", NOON)
    traffic.begin("a", NOON)
    pair = [a_deployment("a"), a_deployment("b")]
    assert made("usage-based-routing", traffic).choose(pair, EXCHANGE, NOON).id == "b"


@pytest.mark.parametrize("streaming", [True, False])
def test_latency_leaves_a_slow_one_within_ten_calls(streaming: bool) -> None:
    exchange = an_exchange(a_stream_call()) if streaming else EXCHANGE
    traffic, pair = Traffic(), [a_deployment("slow"), a_deployment("fast")]
    strategy = made("latency-based-routing", traffic)
    asked: list[str] = []
    for call in range(40):
        chosen = strategy.choose(pair, exchange, NOON + call).id
        asked.append(chosen)
        seconds = 0.2 if chosen == "fast" else 2.0
        traffic.begin(chosen, NOON + call)
        if streaming:
            traffic.spoke(chosen, NOON + call, seconds)
        else:
            traffic.told(chosen, NOON + call, seconds, 20)
        traffic.end(chosen, NOON + call)
    assert set(asked[:2]) == {"slow", "fast"}
    assert "slow" not in asked[10:]


def test_latency_tries_a_new_one_by_one_call_at_a_time() -> None:
    traffic, pair = Traffic(), [a_deployment("known"), a_deployment("new")]
    traffic.told("known", NOON, 1.0, 1)
    strategy = made("latency-based-routing", traffic)
    assert strategy.choose(pair, EXCHANGE, NOON).id == "new"
    traffic.begin("new", NOON)
    assert strategy.choose(pair, EXCHANGE, NOON).id == "known"


def test_latency_takes_its_arguments() -> None:
    traffic, pair = Traffic(), [a_deployment("a"), a_deployment("b")]
    for seconds in (5.0, 1.0):
        traffic.told("a", NOON, seconds, 1)
    traffic.told("b", NOON, 1.5, 1)
    name = "latency-based-routing"

    def chosen(at: float = NOON, **args: Any) -> set[str]:
        strategy = made(name, traffic, **args)
        return {strategy.choose(pair, EXCHANGE, at).id for _ in range(40)}

    assert chosen() == {"b"}
    assert chosen(max_latency_list_size=1) == {"a"}
    assert chosen(lowest_latency_buffer=1.0) == {"a", "b"}
    # What is too old counts for nothing, and both are new again.
    assert chosen(NOON + 61, ttl=60) == {"a", "b"}


@pytest.mark.parametrize("args", [{"ttl": "soon"}, {"lowest_latency_buffer": -1}, {"ttl": True}])
def test_arguments_that_make_no_sense_are_told(args: dict[str, Any]) -> None:
    with pytest.raises(BadArguments, match="expected a number"):
        made("latency-based-routing", Traffic(), **args)


def test_cost_takes_the_cheapest_whose_price_is_known() -> None:
    some: list[Deployment] = [
        a_deployment("dear", prices=cost(9)),
        a_deployment("cheap", prices=cost(2), rpm=1),
        a_deployment("unknown"),
    ]
    traffic = Traffic()
    strategy = made("cost-based-routing", traffic)
    assert strategy.choose(some, EXCHANGE, NOON).id == "cheap"
    busy(traffic, "cheap", 1)
    assert strategy.choose(some, EXCHANGE, NOON).id == "dear"
