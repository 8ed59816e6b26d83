"""No interval ever holds more than what was let in under the limit."""

from __future__ import annotations

from random import Random

from proxy.stores.ledger.sliding import PARTS, Sliding


def test_what_is_older_than_the_width_counts_no_more() -> None:
    window = Sliding(60)
    window.add(100.0, 3)
    assert window.used(159.9) == 3
    assert window.used(161.0) == 0


def test_no_interval_holds_more_than_the_limit_and_little_is_wasted() -> None:
    chance, window, taken = Random(7), Sliding(60), list[float]()
    now = 0.0
    while now < 600:
        now += chance.expovariate(8)
        if window.used(now) + 1 <= 60:
            window.add(now, 1)
            taken.append(now)
    for start in taken:
        assert sum(start <= one < start + 60 for one in taken) <= 60
    assert len(taken) >= 600 * (1 - 2 / PARTS)


def test_the_wait_that_is_told_is_enough_and_not_much_too_long() -> None:
    window = Sliding(60)
    window.add(100.0, 5)
    window.add(130.0, 5)
    wait = window.wait(131.0, 3, 10)
    assert 29 <= wait <= 30
    assert window.used(131.0 + wait) <= 7


def test_a_correction_lands_in_the_bucket_it_came_from() -> None:
    window = Sliding(60)
    number = window.add(100.0, 500)
    window.add(120.0, 7)
    window.change(number, -400)
    assert window.used(121.0) == 107
    window.change(number, -4000)
    assert window.used(121.0) == 7
    assert window.used(170.0) == 7
    window.change(number, 50)
    assert window.used(170.0) == 7


def test_a_clock_that_goes_back_forgives_nothing() -> None:
    window = Sliding(60)
    window.add(100.0, 5)
    window.add(40.0, 5)
    assert window.used(100.0) == 10


def test_a_window_is_the_same_after_it_was_written_down() -> None:
    window = Sliding(60)
    window.add(100.0, 5)
    window.add(110.0, 2)
    again = Sliding(60, [(a, b) for a, b in window.buckets])
    assert again.used(165.0) == window.used(165.0) == 2
