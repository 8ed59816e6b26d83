"""Which prices hold depends on the moment, on the service tier and on the prompt's size."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.money import Prices
from pipelines.prices import ALWAYS, DAY, Schedule, When, prices_of


def at(hour: int, minute: int = 0, day: int = 24) -> float:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()


def test_a_day_begins_at_midnight() -> None:
    when = When(since=at(0))
    assert when.holds(at(0))
    assert not when.holds(at(0) - 1)


def test_hours_may_go_over_midnight() -> None:
    night = When(None, 16 * 3600 + 1800, 1800)
    assert [night.holds(at(*one)) for one in ((16, 29), (16, 30), (0, 29), (0, 30))] == [
        False, True, True, False,
    ]  # fmt: skip
    assert When(None, 0, DAY).holds(at(12))


def test_the_last_prices_that_hold_are_taken_and_the_first_ones_where_none_does() -> None:
    schedule = Schedule(
        (
            (When(since=at(0, day=10)), {"prompt": 1}),
            (When(since=at(0, day=20)), {"prompt": 2}),
            (When(None, 0, 3600), {"prompt": 3}),
        )
    )
    assert schedule.at(at(12, day=12)).prompt == 1
    assert schedule.at(at(12, day=22)).prompt == 2
    assert schedule.at(at(0, 30, day=22)).prompt == 3
    assert schedule.at(at(12, day=1)).prompt == 1


def test_a_service_tier_changes_what_it_names_and_no_more() -> None:
    services = (("flex", ALWAYS, {"prompt": 5}), ("flex", ALWAYS, {"prompt": 7, "cached": 3}))
    schedule = Schedule(((ALWAYS, {"prompt": 10, "completion": 20}),), services)
    flex = schedule.at(at(1), "flex")
    assert (flex.prompt, flex.completion, flex.cached) == (5, 20, 3)
    assert schedule.at(at(1), "priority") == schedule.at(at(1)) == Prices(10, 20)


def test_prices_are_made_once() -> None:
    schedule = Schedule(((ALWAYS, {"prompt": 10}),))
    assert schedule.at(at(1)) is schedule.at(at(2))


def test_thresholds_of_several_kinds_are_put_together() -> None:
    prices = prices_of({"prompt": [1, 100, 2], "completion": [10, 50, 20, 100, 30], "cached": 5})
    assert prices.of_size(50) == prices
    first, second = prices.of_size(51), prices.of_size(101)
    assert (first.prompt, first.completion, first.cached) == (1, 20, 5)
    assert (second.prompt, second.completion, second.cached) == (2, 30, 5)
