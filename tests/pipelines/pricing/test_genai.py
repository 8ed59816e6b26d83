"""What genai-prices publishes is read without loss, and what we do not count is left out."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.pricing.genai import from_genai


def rows(**model: Any) -> list[Any]:
    given = {"id": "m", "match": {"equals": "m"}, **model}
    found = from_genai([{"id": "acme", "models": [given]}])["providers"]["acme"]["models"]
    assert isinstance(found, list)
    return found


def test_prices_become_pico_dollars() -> None:
    prices = {
        "input_mtok": "0.15",
        "requests_kcount": 5,
        "audio_hours": "0.36",
        "cache_read_mtok": None,
    }
    assert rows(prices=prices) == [
        ["=m", {"prompt": 150_000, "request": 5_000_000_000, "prompt_second": 100_000_000}]
    ]


def test_tiers_are_in_the_order_of_their_thresholds() -> None:
    tiers = [{"start": 20, "price": 3}, {"start": 10, "price": 2}]
    prices = {"input_mtok": {"base": 1, "tiers": tiers}}
    assert rows(prices=prices)[0][1] == {"prompt": [1_000_000, 10, 2_000_000, 20, 3_000_000]}


def test_conditions_are_days_and_hours_in_utc() -> None:
    prices = [
        {"prices": {"input_mtok": 2}},
        {"constraint": {"start_date": "2026-10-12"}, "prices": {"input_mtok": 3}},
        {
            "constraint": {"start_time": "16:30:00Z", "end_time": "01:30:00+01:00"},
            "prices": {"input_mtok": 1},
        },
    ]
    assert rows(prices=prices)[0][1] == [
        [None, {"prompt": 2_000_000}],
        ["2026-10-12", {"prompt": 3_000_000}],
        ["16:30:00/00:30:00", {"prompt": 1_000_000}],
    ]


def test_variants_are_service_tiers() -> None:
    variants = [
        {"when": {"processing": "batch"}, "prices": {"input_mtok": 1}},
        {"when": {"service_tier": "default"}, "prices": {}},
        {"when": {"route": "eu"}, "prices": {"input_mtok": 9}},
    ]
    assert rows(prices={"input_mtok": 2}, price_variants=variants)[0][2] == [
        ["batch", None, {"prompt": 1_000_000}]
    ]


@pytest.mark.parametrize(
    ("match", "rule"),
    [
        ({"equals": "A"}, "=a"),
        ({"starts_with": "a"}, "^a"),
        ({"ends_with": "a"}, "$a"),
        ({"contains": "a"}, "*a"),
        ({"regex": r"^\D"}, r"/^\D"),
        ({"or": [{"equals": "a"}, {"and": [{"equals": "b"}]}]}, ["|", "=a", ["&", "=b"]]),
    ],
)
def test_rules_are_short(match: dict[str, Any], rule: object) -> None:
    assert rows(match=match, prices={"input_mtok": 1})[0][0] == rule


def test_what_has_no_price_that_we_count_is_unknown_and_not_free() -> None:
    assert rows(prices={"input_document_kpages": 1}) == [["=m", None]]
    assert rows(prices={}) == [["=m", None]]
    assert rows(id="m:free", prices={}) == [["=m", {}]]
    assert rows(id="m:free", prices={"input_document_kpages": 1}) == [["=m", None]]


def test_only_known_providers_are_asked_besides() -> None:
    found = from_genai(
        [
            {"id": "a", "fallback_model_providers": ["b", "c"], "models": []},
            {"id": "b", "models": []},
        ]
    )
    assert found["providers"]["a"]["also"] == ["b"]


def test_context_windows_stand_after_the_services() -> None:
    given = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1}}
    made = from_genai([{"id": "a", "models": [{**given, "context_window": 8000}, given]}])
    assert [row[2:] for row in made["providers"]["a"]["models"]] == [[[], 8000], []]
