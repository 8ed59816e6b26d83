"""The operator's own prices, by LiteLLM's names.

The rule: a price in `litellm_params` wins over one in `model_info`; prices above a size or for a
service tier change only what they name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from pipelines.money import Prices, pico
from pipelines.prices import ALWAYS, Rates, Schedule, Tariff, prices_of
from proxy.config.fields import read_price, table

# LiteLLM's names and ours; of two that mean the same the later one counts.
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "input_cost_per_token": "prompt",
        "output_cost_per_token": "completion",
        "input_cost_per_token_cache_hit": "cached",
        "cache_read_input_token_cost": "cached",
        "cache_creation_input_token_cost": "cache_write",
        "cache_creation_input_token_cost_above_1hr": "cache_write_hour",
        "output_cost_per_reasoning_token": "reasoning",
        "input_cost_per_audio_token": "audio_prompt",
        "output_cost_per_audio_token": "audio_completion",
        "input_cost_per_image_token": "image_prompt",
        "output_cost_per_image_token": "image_completion",
        "input_cost_per_query": "request",
        "input_cost_per_request": "request",
        "input_cost_per_image": "image",
        "output_cost_per_image": "image",
        "input_cost_per_second": "prompt_second",
        "output_cost_per_second": "completion_second",
    }
)
_SERVICES: Mapping[str, str] = MappingProxyType({"batches": "batch"})
_NAME = re.compile(
    rf"(?P<base>{'|'.join(sorted(_KINDS, key=len, reverse=True))})"
    r"(?:_above_(?P<thousands>\d+)k_tokens)?"
    r"(?:_(?P<service>batches|flex|priority|ultrafast|balanced))?"
)

PRICE_KEYS = table(
    prices="""
        cache_creation_input_token_cost_above_100k_tokens
        cache_creation_input_token_cost_above_100k_tokens_batches
        cache_creation_input_token_cost_above_1hr
        cache_creation_input_token_cost_above_1hr_above_100k_tokens
        cache_creation_input_token_cost_above_200k_tokens
        cache_creation_input_token_cost_above_200k_tokens_batches
        cache_creation_input_token_cost_above_272k_tokens
        cache_creation_input_token_cost_above_272k_tokens_batches
        cache_creation_input_token_cost_above_272k_tokens_flex
        cache_creation_input_token_cost_above_272k_tokens_priority
        cache_creation_input_token_cost_above_272k_tokens_ultrafast
        cache_creation_input_token_cost_batches cache_creation_input_token_cost_flex
        cache_creation_input_token_cost_priority cache_creation_input_token_cost_ultrafast
        cache_read_input_token_cost_above_100k_tokens
        cache_read_input_token_cost_above_100k_tokens_batches
        cache_read_input_token_cost_above_200k_tokens
        cache_read_input_token_cost_above_200k_tokens_batches
        cache_read_input_token_cost_above_200k_tokens_priority
        cache_read_input_token_cost_above_272k_tokens
        cache_read_input_token_cost_above_272k_tokens_batches
        cache_read_input_token_cost_above_272k_tokens_flex
        cache_read_input_token_cost_above_272k_tokens_priority
        cache_read_input_token_cost_above_272k_tokens_ultrafast
        cache_read_input_token_cost_above_512k_tokens cache_read_input_token_cost_balanced
        cache_read_input_token_cost_batches cache_read_input_token_cost_flex
        cache_read_input_token_cost_priority cache_read_input_token_cost_ultrafast
        input_cost_per_audio_token input_cost_per_audio_token_batches
        input_cost_per_audio_token_flex input_cost_per_audio_token_priority input_cost_per_image
        input_cost_per_image_above_128k_tokens input_cost_per_image_token
        input_cost_per_image_token_batches input_cost_per_query input_cost_per_request
        input_cost_per_second input_cost_per_token_above_100k_tokens
        input_cost_per_token_above_100k_tokens_batches input_cost_per_token_above_128k_tokens
        input_cost_per_token_above_200k_tokens input_cost_per_token_above_200k_tokens_batches
        input_cost_per_token_above_200k_tokens_priority input_cost_per_token_above_272k_tokens
        input_cost_per_token_above_272k_tokens_batches input_cost_per_token_above_272k_tokens_flex
        input_cost_per_token_above_272k_tokens_priority
        input_cost_per_token_above_272k_tokens_ultrafast input_cost_per_token_above_512k_tokens
        input_cost_per_token_balanced input_cost_per_token_batches input_cost_per_token_cache_hit
        input_cost_per_token_flex input_cost_per_token_priority input_cost_per_token_ultrafast
        output_cost_per_audio_token output_cost_per_image output_cost_per_image_token
        output_cost_per_image_token_batches output_cost_per_reasoning_token_flex
        output_cost_per_reasoning_token_priority output_cost_per_second
        output_cost_per_token_above_100k_tokens output_cost_per_token_above_100k_tokens_batches
        output_cost_per_token_above_128k_tokens output_cost_per_token_above_200k_tokens
        output_cost_per_token_above_200k_tokens_batches
        output_cost_per_token_above_200k_tokens_priority output_cost_per_token_above_272k_tokens
        output_cost_per_token_above_272k_tokens_batches output_cost_per_token_above_272k_tokens_flex
        output_cost_per_token_above_272k_tokens_priority
        output_cost_per_token_above_272k_tokens_ultrafast output_cost_per_token_above_512k_tokens
        output_cost_per_token_balanced output_cost_per_token_batches output_cost_per_token_flex
        output_cost_per_token_priority output_cost_per_token_ultrafast
    """,
)

# Without one of these a price is no more than a detail of an unknown one.
_ALONE = frozenset(
    {"prompt", "completion", "request", "image", "prompt_second", "completion_second"}
)

# Kind, then above how many tokens, then the price.
_Found = dict[str, dict[int, int]]


def operator_prices(*places: Mapping[str, Any]) -> Tariff | None:
    """What these keys and values come to, the first place first; None where there is no price."""
    services: dict[str, _Found] = {}
    for place in reversed(places):
        for name in sorted(place, key=_rank):
            found, value = _NAME.fullmatch(name), place[name]
            if found is None or value is None:
                continue
            price = value if isinstance(value, Decimal) else read_price(value)
            service = _SERVICES.get(found["service"] or "", found["service"] or "")
            above = int(found["thousands"]) * 1000 if found["thousands"] else 0
            kinds = services.setdefault(service, {})
            kinds.setdefault(_KINDS[found["base"]], {})[above] = pico(price)
    usual = services.pop("", {})
    if _ALONE.isdisjoint(usual):
        return None
    if not services:
        return _plain(usual)
    others = tuple((name, ALWAYS, _rates(kinds, usual)) for name, kinds in services.items())
    return Schedule(((ALWAYS, _rates(usual, {})),), others)


def _plain(kinds: _Found) -> Prices:
    return prices_of(_rates(kinds, {}))


def _rates(kinds: _Found, usual: _Found) -> Rates:
    """The rates of one service tier; a size that it does not name costs what it usually does."""
    rates: dict[str, Any] = {}
    for kind, prices in kinds.items():
        base = prices.get(0, usual.get(kind, {}).get(0, 0))
        tiers = sorted((above, price) for above, price in prices.items() if above)
        rates[kind] = [base, *(part for tier in tiers for part in tier)] if tiers else base
    return rates


def _rank(name: str) -> int:
    found = _NAME.fullmatch(name)
    return -1 if found is None else list(_KINDS).index(found["base"])
