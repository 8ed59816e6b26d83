"""Money is exact, rounded up once, and never negative."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.money import Prices, cost, pico
from pipelines.usage import NO_USAGE, Usage

COUNTS = st.integers(0, 10**9)
RATES = st.integers(0, 10**9)
USAGES = st.builds(
    Usage,
    prompt_tokens=COUNTS,
    completion_tokens=COUNTS,
    cached_tokens=COUNTS,
    cache_write_tokens=COUNTS,
    reasoning_tokens=COUNTS,
)
PRICES = st.builds(
    Prices,
    prompt=RATES,
    completion=RATES,
    cached=st.none() | RATES,
    cache_write=st.none() | RATES,
    reasoning=st.none() | RATES,
)


@pytest.mark.parametrize(
    ("usd", "wanted"),
    [
        (2.5e-06, 2_500_000),
        ("0.0000025", 2_500_000),
        (Decimal("1E-12"), 1),
        (0, 0),
        (1, 10**12),
        (1.5e-07, 150_000),
        (3e-7, 300_000),
        (0.1, 10**11),
    ],
)
def test_pico_is_exact_to_the_last_digit(usd: float | str | Decimal, wanted: int) -> None:
    assert pico(usd) == wanted


@given(st.integers(0, 10**18))
def test_pico_of_what_is_written_is_what_is_written(value: int) -> None:
    assert pico(Decimal(value).scaleb(-12)) == value


@pytest.mark.parametrize(
    ("usage", "prices", "wanted"),
    [
        (NO_USAGE, Prices(10**6, 10**6), 0),
        (Usage(1000, 500), Prices(2_500_000, 10_000_000), 7_500_000),
        (Usage(1000, 0, cached_tokens=600), Prices(2_000_000, 0, cached=500_000), 1_100_000),
        (Usage(1000, 0, cached_tokens=600), Prices(2_000_000, 0), 2_000_000),
        (Usage(100, 0, cache_write_tokens=40), Prices(10**6, 0, cache_write=1_250_000), 110_000),
        (Usage(0, 100, reasoning_tokens=60), Prices(0, 10**6, reasoning=3 * 10**6), 220_000),
        (Usage(0, 100, reasoning_tokens=60), Prices(0, 10**6), 100_000),
        (Usage(1, 0), Prices(1, 0), 1),
        (Usage(1000, 0), Prices(1, 0), 1),
        (Usage(1001, 0), Prices(1, 0), 2),
    ],
)
def test_cost_is_what_was_used_times_its_price(usage: Usage, prices: Prices, wanted: int) -> None:
    assert cost(usage, prices) == wanted


def test_cost_of_more_cached_tokens_than_prompt_tokens_is_not_negative() -> None:
    assert cost(Usage(5, 0, cached_tokens=10), Prices(10**6, 0, cached=10**5)) == 1000
    assert cost(Usage(0, 5, reasoning_tokens=9), Prices(0, 10**6, reasoning=0)) == 0


@given(USAGES, PRICES)
def test_cost_is_never_negative_and_rounds_up_by_less_than_one(
    usage: Usage, prices: Prices
) -> None:
    got = cost(usage, prices)
    assert got >= 0
    plain = max(0, usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens)
    spoken = max(0, usage.completion_tokens - usage.reasoning_tokens)
    reasoning = prices.completion if prices.reasoning is None else prices.reasoning
    exact = Fraction(
        plain * prices.prompt
        + usage.cached_tokens * (prices.prompt if prices.cached is None else prices.cached)
        + usage.cache_write_tokens
        * (prices.prompt if prices.cache_write is None else prices.cache_write)
        + spoken * prices.completion
        + usage.reasoning_tokens * reasoning,
        1000,
    )
    assert 0 <= got - exact < 1


@given(USAGES, PRICES, st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_tokens_never_cost_less(usage: Usage, prices: Prices, more: int, said: int) -> None:
    longer = replace(
        usage,
        prompt_tokens=usage.prompt_tokens + more,
        completion_tokens=usage.completion_tokens + said,
    )
    assert cost(longer, prices) >= cost(usage, prices)


@given(USAGES, PRICES, st.integers(0, 10**6))
def test_a_higher_price_never_costs_less(usage: Usage, prices: Prices, more: int) -> None:
    dearer = replace(prices, prompt=prices.prompt + more, completion=prices.completion + more)
    assert cost(usage, dearer) >= cost(usage, prices)
