"""Money is exact, rounded up once, and never negative."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.money import Prices, cost, nano_up, pico
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


FULL = Prices(
    10,
    20,
    cached=1,
    cache_write=12,
    cache_write_hour=30,
    audio_prompt=100,
    audio_completion=200,
    image_prompt=50,
    image_completion=60,
    request=1_000_000,
    search=2_000_000,
    image=3_000_000,
    prompt_second=4_000_000,
    completion_second=5_000_000,
)


@pytest.mark.parametrize(
    ("usage", "pico_dollars"),
    [
        (Usage(100, 0, cache_write_tokens=40, cache_write_hour_tokens=10), 600 + 30 * 12 + 300),
        (Usage(100, 0, cache_write_tokens=4, cache_write_hour_tokens=10), 960 + 4 * 30),
        (Usage(100, 0, audio_input_tokens=30), 700 + 3_000),
        (Usage(0, 100, audio_output_tokens=30), 1_400 + 6_000),
        (Usage(100, 0, image_input_tokens=10), 900 + 500),
        (Usage(0, 100, image_output_tokens=10), 1_800 + 600),
        (Usage(searches=2, images=3), 4_000_000 + 9_000_000),
        (Usage(input_seconds=1.5, output_seconds=2), 6_000_000 + 10_000_000),
    ],
)
def test_every_kind_has_its_price(usage: Usage, pico_dollars: int) -> None:
    assert cost(usage, FULL) == -(-(pico_dollars + 1_000_000) // 1000)


def test_the_size_of_the_prompt_decides_for_all_tokens() -> None:
    prices = Prices(1_000, 2_000, tiers=((100, Prices(3_000, 4_000)), (200, Prices(5_000, 6_000))))
    assert [cost(Usage(size, 1), prices) for size in (100, 101, 200, 201)] == [
        102, 307, 604, 1011,
    ]  # fmt: skip


@given(USAGES, PRICES, PRICES, st.integers(0, 10**9))
def test_no_call_costs_more_than_the_dearest(
    usage: Usage, base: Prices, tier: Prices, above: int
) -> None:
    parts = usage.cached_tokens + usage.cache_write_tokens
    bounded = replace(
        usage,
        prompt_tokens=usage.prompt_tokens + parts,
        completion_tokens=usage.completion_tokens + usage.reasoning_tokens,
    )
    prices = replace(base, tiers=((above, tier),))
    bound = cost(
        Usage(bounded.prompt_tokens, bounded.completion_tokens),
        prices.dearest(bounded.prompt_tokens),
    )
    assert cost(bounded, prices) <= bound


def test_sound_is_dear_only_where_there_may_be_any() -> None:
    assert FULL.audible
    assert not Prices(1, 2).audible
    assert (FULL.dearest(5, True).prompt, FULL.dearest(5, True).completion) == (100, 200)
    assert (FULL.dearest(5).prompt, FULL.dearest(5).completion) == (50, 60)
    assert FULL.dearest(5).request == 1_000_000


def test_prices_without_a_dearer_kind_are_themselves_the_dearest() -> None:
    prices = Prices(10, 20, cached=1, request=5)
    assert prices.dearest(5) is prices
    assert replace(prices, tiers=((100, Prices(1, 2)),)).dearest(200) == Prices(10, 20, request=5)


@pytest.mark.parametrize(
    ("usd", "nano"),
    [(0.1, 10**8), (1e-10, 1), (0, 0), ("0.5", 5 * 10**8), (-1, None), (True, None), (None, None),
     (1e300, None), ("x", None), (float("nan"), None)],
)  # fmt: skip
def test_what_others_report_is_rounded_up_or_no_sum(usd: object, nano: int | None) -> None:
    assert nano_up(usd) == nano
