"""The shuffle is random, but not without measure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random

from pipelines.deployment import Deployment
from pipelines.routing.shuffle import MOST_CIRCLES, Shuffle
from tests.builders import a_deployment

DRAWS = 4000


def shares(deployments: Sequence[Deployment]) -> dict[str, float]:
    """How often each deployment is chosen, as a share of all draws."""
    shuffle = Shuffle(Random(7))
    counts = Counter(shuffle.choose(deployments).id for _ in range(DRAWS))
    return {name: count / DRAWS for name, count in counts.items()}


def near(share: float, wanted: float) -> bool:
    # Five standard deviations; the seed makes the outcome the same every time.
    return abs(share - wanted) < 5 * math.sqrt(wanted * (1 - wanted) / DRAWS)


def test_shuffle_takes_the_only_one() -> None:
    only = a_deployment(weight=0.0)
    assert Shuffle(Random(1)).choose([only]) is only


def test_shuffle_is_even_where_nobody_says_otherwise() -> None:
    got = shares([a_deployment(name) for name in "abcd"])
    assert all(near(got[name], 0.25) for name in "abcd")


def test_shuffle_goes_by_weight() -> None:
    got = shares([a_deployment("a", weight=3.0), a_deployment("b", weight=1.0)])
    assert near(got["a"], 0.75)


def test_shuffle_goes_by_rpm_and_then_by_tpm() -> None:
    by_rpm = [a_deployment("a", rpm=900, tpm=1), a_deployment("b", rpm=100, tpm=9)]
    assert near(shares(by_rpm)["a"], 0.9)
    by_tpm = [a_deployment("a", tpm=100), a_deployment("b", tpm=300)]
    assert near(shares(by_tpm)["b"], 0.75)


def test_shuffle_lets_a_weight_win_over_every_rate() -> None:
    pair = [a_deployment("a", weight=1.0, rpm=1), a_deployment("b", weight=1.0, rpm=999)]
    assert near(shares(pair)["a"], 0.5)


def test_shuffle_takes_nobody_without_a_weight_beside_one_who_has_it() -> None:
    assert shares([a_deployment("a", weight=1.0), a_deployment("b")]) == {"a": 1.0}


def test_shuffle_is_even_where_all_weights_are_zero() -> None:
    got = shares([a_deployment("a", weight=0.0), a_deployment("b", weight=0.0)])
    assert near(got["a"], 0.5)


def test_shuffle_takes_the_lowest_order_only() -> None:
    crowd = [
        a_deployment("late", order=2, weight=1000.0),
        a_deployment("a", order=1, weight=1.0),
        a_deployment("b", order=1, weight=1.0),
    ]
    assert set(shares(crowd)) == {"a", "b"}


def test_shuffle_keeps_to_the_weights_over_few_calls_already() -> None:
    trio = [a_deployment(str(n), weight=n) for n in (5, 3, 2)]
    for seed in range(20):
        shuffle = Shuffle(Random(seed))
        counts = Counter(shuffle.choose(trio).id for _ in range(1000))
        assert all(abs(counts[str(n)] - 100 * n) <= 10 for n in (5, 3, 2))


def test_shuffle_spreads_those_that_follow_a_failure_over_all_others() -> None:
    trio = [a_deployment(name) for name in "abc"]
    shuffle, second = Shuffle(Random(5)), Counter[str]()
    for _ in range(300):
        first = shuffle.choose(trio)
        if first.id == "a":
            second[shuffle.choose(trio[1:]).id] += 1
    assert abs(second["b"] - second["c"]) < 10


def test_shuffle_forgets_where_it_was_with_sets_that_are_too_many() -> None:
    shuffle = Shuffle(Random(1))
    for n in range(3000):
        shuffle.choose([a_deployment(f"a{n}"), a_deployment(f"b{n}")])
    assert len(shuffle._places) <= MOST_CIRCLES


def test_shuffle_is_repeatable_with_the_same_seed() -> None:
    crowd = [a_deployment(name) for name in "abc"]
    draws = [[Shuffle(Random(3)).choose(crowd).id for _ in range(5)] for _ in range(2)]
    assert draws[0] == draws[1]
