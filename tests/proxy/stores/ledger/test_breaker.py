"""What failed several times in a row is left alone, each time for longer."""

from __future__ import annotations

import pytest

from pipelines.errors import LedgerUnavailable
from proxy.stores.ledger.breaker import FAILURES, LONGEST, Breaker
from tests.fakes.ports import FakeClock


def fail(breaker: Breaker, times: int = FAILURES) -> None:
    for _ in range(times):
        breaker.failed()


def test_a_few_failures_change_nothing_and_a_success_forgets_them() -> None:
    breaker = Breaker(FakeClock().monotonic)
    fail(breaker, FAILURES - 1)
    breaker.check()
    breaker.went_well()
    fail(breaker, FAILURES - 1)
    breaker.check()


def test_it_opens_for_a_second_and_then_for_twice_as_long() -> None:
    clock = FakeClock()
    breaker = Breaker(clock.monotonic)
    fail(breaker)
    with pytest.raises(LedgerUnavailable):
        breaker.check()
    clock.now += 1.0
    breaker.check()
    breaker.failed()
    clock.now += 1.9
    with pytest.raises(LedgerUnavailable):
        breaker.check()
    clock.now += 0.1
    breaker.check()
    fail(breaker, 20)
    clock.now += LONGEST
    breaker.check()


def test_it_says_whether_it_is_open() -> None:
    clock = FakeClock()
    breaker = Breaker(clock.monotonic)
    seen = [breaker.is_open]
    fail(breaker)
    seen.append(breaker.is_open)
    clock.now += 1.0
    seen.append(breaker.is_open)
    assert seen == [False, True, False]
