"""Dollars and nano-dollars."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from proxy.admin.money import MOST_USD, maybe_nano, maybe_usd, nano, usd


def test_a_sum_is_read_to_its_last_written_digit() -> None:
    assert nano(0.1) == 100_000_000
    assert nano(0.1 + 0.2) == 300_000_000
    assert nano(1e-9) == 1
    assert nano(Decimal("123456789.123456789")) == 123_456_789_123_456_789
    assert nano(0) == 0


def test_no_sum_stays_none() -> None:
    assert maybe_nano(None) is None
    assert maybe_usd(None) is None
    assert (maybe_nano(2.5), maybe_usd(2_500_000_000)) == (2_500_000_000, 2.5)


@given(st.integers(min_value=0, max_value=10**15))
def test_up_to_a_million_dollars_every_nano_dollar_comes_back(amount: int) -> None:
    assert nano(usd(amount)) == amount


@given(st.floats(min_value=0, max_value=MOST_USD))
def test_every_sum_becomes_whole_nano_dollars(amount: float) -> None:
    assert abs(usd(nano(amount)) - amount) <= max(1e-9, amount * 1e-15)
