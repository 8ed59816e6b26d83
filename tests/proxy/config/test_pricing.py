"""All prices of LiteLLM's users are understood."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipelines.money import Prices
from proxy.config.pricing import PRICE_KEYS, operator_prices


def test_plain_prices_are_plain() -> None:
    found = operator_prices(
        {
            "input_cost_per_token": Decimal("1.5e-07"),
            "output_cost_per_token": "6e-07",
            "cache_creation_input_token_cost_above_1hr": 3e-07,
            "input_cost_per_audio_token": 1e-06,
            "input_cost_per_query": 0.001,
            "output_cost_per_image": 0.04,
            "unrelated": "x",
        }
    )
    assert found == Prices(
        150_000,
        600_000,
        cache_write_hour=300_000,
        audio_prompt=1_000_000,
        request=10**9,
        image=4 * 10**10,
    )


def test_prices_above_a_size_are_tiers() -> None:
    found = operator_prices(
        {
            "input_cost_per_token": 1e-06,
            "input_cost_per_token_above_200k_tokens": 2e-06,
            "output_cost_per_token": 5e-06,
            "output_cost_per_token_above_128k_tokens": 6e-06,
        }
    )
    assert found is not None
    prices = found.at(0)
    assert prices.of_size(128_000).completion == 5_000_000
    assert prices.of_size(128_001).completion == 6_000_000
    assert prices.of_size(200_001).prompt == 2_000_000


def test_service_tiers_change_what_they_name() -> None:
    found = operator_prices(
        {
            "input_cost_per_token": 1e-06,
            "output_cost_per_token": 2e-06,
            "input_cost_per_token_flex": 5e-07,
            "output_cost_per_token_batches": 1e-06,
            "input_cost_per_token_above_200k_tokens_priority": 9e-06,
        }
    )
    assert found is not None
    assert (found.at(0, "flex").prompt, found.at(0, "flex").completion) == (500_000, 2_000_000)
    assert found.at(0, "batch").completion == 1_000_000
    assert found.at(0, "priority").of_size(200_001).prompt == 9_000_000
    assert found.at(0, "priority").of_size(5).prompt == 1_000_000
    assert found.at(0, "") == Prices(1_000_000, 2_000_000)


def test_the_first_place_wins_and_the_second_fills_up() -> None:
    found = operator_prices(
        {"input_cost_per_token": 1e-06, "output_cost_per_token": None},
        {"input_cost_per_token": 9e-06, "output_cost_per_token": 2e-06},
    )
    assert found == Prices(1_000_000, 2_000_000)


def test_of_two_names_for_one_price_the_better_one_counts() -> None:
    found = operator_prices(
        {
            "cache_read_input_token_cost": 1e-06,
            "input_cost_per_token_cache_hit": 9e-06,
            "input_cost_per_token": 1e-05,
        }
    )
    assert found == Prices(10_000_000, 0, cached=1_000_000)


@pytest.mark.parametrize("place", [{}, {"cache_read_input_token_cost": 1e-06}, {"mode": "chat"}])
def test_without_a_price_of_tokens_or_calls_there_is_none(place: dict[str, object]) -> None:
    assert operator_prices(place) is None


def test_every_key_of_the_list_is_understood() -> None:
    for name in PRICE_KEYS:
        found = operator_prices({"input_cost_per_token": 0, name: 1e-06})
        assert found is not None
        assert found != Prices(0, 0), name
