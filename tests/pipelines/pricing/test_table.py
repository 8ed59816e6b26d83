"""The table finds what genai-prices finds, and counts what it counts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal

import genai_prices
import orjson
import pytest
from genai_prices.data import providers
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.money import cost
from pipelines.prices import KINDS
from pipelines.pricing.load import load_prices
from pipelines.pricing.table import BadTable, PriceBook, PriceTable, read_table
from pipelines.usage import Usage

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
# What genai-prices prices by and we do not count is kept out of the comparison.
COUNTED = frozenset(
    [
        "input_mtok",
        "output_mtok",
        "cache_read_mtok",
        "cache_write_mtok",
        "cache_write_1h_mtok",
        "output_reasoning_mtok",
        "input_audio_mtok",
        "output_audio_mtok",
        "requests_kcount",
        "web_searches_kcount",
        "storage_searches_kcount",
        "cache_audio_read_mtok",
        "input_image_mtok",
        "output_image_mtok",
        "cache_image_read_mtok",
    ]
)
MODELS = [
    (provider.id, model.id)
    for provider in providers
    for model in provider.models
    if not {
        name
        for one in (model.prices if isinstance(model.prices, list) else [model])
        for name in (one.prices if isinstance(model.prices, list) else model.prices).__dict__
    }
    - COUNTED
]
SERVICES = [None, ("service_tier", "priority"), ("service_tier", "flex"), ("processing", "batch")]
TABLE = load_prices()
SMALL = st.integers(0, 5_000)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.sampled_from(SERVICES),
    st.integers(0, 1_200_000),
    st.tuples(SMALL, SMALL, SMALL, SMALL, SMALL),
    st.integers(0, 47),
)
def test_random_usages_cost_what_genai_prices_says(
    model: tuple[str, str],
    service: tuple[str, str] | None,
    fresh: int,
    parts: tuple[int, ...],
    half_hour: int,
) -> None:
    cached, written, hour, thought, spoken = parts
    moment = NOW.replace(hour=half_hour // 2, minute=half_hour % 2 * 30)
    try:
        wanted = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=fresh + cached + written + hour,
                cache_read_tokens=cached,
                cache_write_tokens=written + hour,
                cache_write_1h_tokens=hour,
                output_tokens=spoken + thought,
                output_reasoning_tokens=thought,
                web_searches=0,
                input_audio_tokens=0,
                output_audio_tokens=0,
            ),
            model[1],
            provider_id=model[0],
            genai_request_timestamp=moment,
            price_context=dict([service]) if service else None,
        ).total_price
    except (LookupError, ValueError):
        return
    usage = Usage(
        prompt_tokens=fresh + cached + written + hour,
        completion_tokens=spoken + thought,
        cached_tokens=cached,
        cache_write_tokens=written + hour,
        cache_write_hour_tokens=hour,
        reasoning_tokens=thought,
    )
    tariff = TABLE.find(*model)
    if tariff is None:
        assert wanted == 0
        return
    found = cost(usage, tariff.at(moment.timestamp(), service[1] if service else ""))
    assert abs(found - wanted * 10**9) <= 2, (wanted, tariff)


def test_prices_without_fractions_of_a_pico_are_exact_to_the_nano() -> None:
    tariff = TABLE.find("anthropic", "claude-sonnet-4-5-20250929")
    assert tariff is not None
    usage = Usage(201_234, 4_321, cached_tokens=1_111, cache_write_tokens=77)
    wanted = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=201_234,
            cache_read_tokens=1_111,
            cache_write_tokens=77,
            output_tokens=4_321,
        ),
        "claude-sonnet-4-5-20250929",
        provider_id="anthropic",
        genai_request_timestamp=NOW,
    ).total_price
    exact = (Decimal(wanted) * 10**9).to_integral_value(ROUND_CEILING)
    assert cost(usage, tariff.at(NOW.timestamp())) == exact


@pytest.mark.parametrize(
    ("ours", "theirs", "model"),
    [
        ("gemini", "google", "gemini-2.5-pro"),
        ("xai", "x-ai", "grok-4"),
        ("voyage", "voyageai", "voyage-3"),
        ("bedrock", "aws", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
    ],
)
def test_our_names_of_providers_are_known(ours: str, theirs: str, model: str) -> None:
    assert TABLE.find(ours, model) == TABLE.find(theirs, model) is not None


def test_a_provider_that_offers_anothers_models_has_their_prices() -> None:
    assert TABLE.find("azure", "gpt-4o-2024-08-06") == TABLE.find("openai", "gpt-4o-2024-08-06")


def test_a_compact_date_is_understood() -> None:
    assert TABLE.find("openai", "gpt-4o-20240806") is not None


def test_what_is_unknown_has_no_price() -> None:
    assert TABLE.find("openai", "no-such-model") is None
    assert TABLE.find("nobody", "gpt-4o") is None


def test_the_table_says_where_it_comes_from_and_is_small() -> None:
    assert TABLE.source.startswith("genai-prices ")
    assert "(MIT) 20" in TABLE.source
    assert TABLE.check() > 2_000


def _table(row: object) -> bytes:
    return orjson.dumps(
        {"format": 1, "source": "mine", "made": "2026-01-01", "providers": {"a": {"models": [row]}}}
    )


@pytest.mark.parametrize(
    "row",
    [
        [],
        ["?x", {"prompt": 1}],
        ["/(", {"prompt": 1}],
        ["=x", {"bananas": 1}],
        ["=x", {"prompt": -1}],
        ["=x", {"prompt": 1.5}],
        ["=x", {"prompt": [1, 2]}],
        ["=x", [["yesterday", {"prompt": 1}]]],
    ],
)
def test_a_row_that_cannot_be_read_is_found(row: object) -> None:
    with pytest.raises(BadTable, match="a row"):
        read_table(_table(row))


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"{}", b"[1]", b'{"format":9}', b'{"format":1,"providers":{}}', b"null"]
)
def test_what_is_no_table_is_refused(raw: bytes) -> None:
    with pytest.raises(BadTable):
        read_table(raw)


def test_a_table_in_genai_prices_own_form_is_understood() -> None:
    raw = orjson.dumps(
        [
            {
                "id": "acme",
                "models": [
                    {
                        "id": "m",
                        "match": {"or": [{"equals": "M"}, {"starts_with": "m-"}]},
                        "prices": {
                            "input_mtok": {"base": 1, "tiers": [{"start": 10, "price": 2}]},
                            "output_mtok": 3.5,
                        },
                    }
                ],
            }
        ]
    )
    found = read_table(raw).find("acme", "m-1")
    assert found is not None
    prices = found.at(0.0)
    assert (prices.prompt, prices.completion) == (1_000_000, 3_500_000)
    assert prices.of_size(10).prompt == 1_000_000
    assert prices.of_size(11).prompt == 2_000_000


def test_a_book_loads_its_table_when_it_is_asked_and_remembers_what_it_found() -> None:
    loads: list[int] = []

    def load() -> PriceTable:
        loads.append(1)
        return read_table(_table(["=x", {"prompt": 5}]))

    book = PriceBook(load)
    assert loads == []
    first = book.find("a", "x")
    assert first is not None
    assert book.find("a", "x") is first
    assert book.find("a", "y") is None
    assert loads == [1]


def test_a_book_uses_another_table_from_now_on() -> None:
    book = PriceBook(lambda: read_table(_table(["=x", {"prompt": 5}])))
    assert book.find("a", "x") is not None
    book.replace(read_table(_table(["=x", {"prompt": 7}])))
    found = book.find("a", "x")
    assert found is not None
    assert found.at(0.0).prompt == 7
    assert book.source == "mine 2026-01-01"


def test_every_kind_of_price_is_one_that_costs_know() -> None:
    assert {"prompt", "completion", "cached", "search"} <= KINDS


def test_a_book_knows_context_windows_and_those_of_its_next_table() -> None:
    book = PriceBook(load_prices)
    assert book.window("openai", "gpt-4o") == 128_000
    assert book.window("openai", "nobody-knows-it") is None
    row = ["=m", {"prompt": 1}, [], 8000]
    table = {"format": 1, "names": {}, "providers": {"acme": {"models": [row]}}}
    book.replace(read_table(orjson.dumps(table)))
    assert book.window("acme", "m") == 8000
    row[3] = -1
    with pytest.raises(BadTable, match="the context window is no number of tokens"):
        read_table(orjson.dumps(table))
