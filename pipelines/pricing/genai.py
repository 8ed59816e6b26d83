"""Reads prices in the form of genai-prices' published data.

The rule: what we do not count (pages, characters, videos) is left out, and a model of which nothing
is left has no price; prices are exact to the pico-dollar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any

MILLION = 10**6
THOUSAND = 10**3
HOUR = 3600
PICO = 10**12

# Their name for a price, ours, and for how many it is.
_UNITS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "input_mtok": ("prompt", MILLION),
        "output_mtok": ("completion", MILLION),
        "cache_read_mtok": ("cached", MILLION),
        "cache_write_mtok": ("cache_write", MILLION),
        "cache_write_1h_mtok": ("cache_write_hour", MILLION),
        "output_reasoning_mtok": ("reasoning", MILLION),
        "input_audio_mtok": ("audio_prompt", MILLION),
        "output_audio_mtok": ("audio_completion", MILLION),
        "input_image_mtok": ("image_prompt", MILLION),
        "output_image_mtok": ("image_completion", MILLION),
        "requests_kcount": ("request", THOUSAND),
        "web_searches_kcount": ("search", THOUSAND),
        "audio_hours": ("prompt_second", HOUR),
        "input_audio_hours": ("prompt_second", HOUR),
    }
)
# What a price may depend on, and the service tier that it means here.
_SERVICES = frozenset({"service_tier", "processing", "speed"})
_CLAUSES: Mapping[str, str] = MappingProxyType(
    {"equals": "=", "starts_with": "^", "ends_with": "$", "contains": "*", "regex": "/"}
)
# Without a price these are free; others have one that is not known.
_FREE = (":free", "moderation", "gemma-")
# Our names of providers, where theirs are others.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "azure_ai": "azure",
        "bedrock": "aws",
        "bedrock_mantle": "aws",
        "bigmodel": "zhipuai",
        "codestral": "mistral",
        "fireworks_ai": "fireworks",
        "gemini": "google",
        "github_copilot": "github-copilot",
        "moonshot": "moonshotai",
        "together_ai": "together",
        "vertex_ai": "google",
        "voyage": "voyageai",
        "xai": "x-ai",
    }
)


def from_genai(providers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A table in our form. Raises TypeError, LookupError and ArithmeticError where it is none."""
    listed = list(providers)
    known = {one["id"] for one in listed}
    return {
        "names": dict(NAMES),
        "providers": {one["id"]: _provider(one, known) for one in listed},
    }


def _provider(provider: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    models = [_model(one) for one in provider["models"]]
    also = [one for one in provider.get("fallback_model_providers") or () if one in known]
    return {"also": also, "models": models} if also else {"models": models}


def _model(model: Mapping[str, Any]) -> list[Any]:
    row: list[Any] = [_rule(model["match"]), _standard(model)]
    services = [
        [value, _when(one.get("constraint")), rates]
        for one in model.get("price_variants") or ()
        for name, value in one["when"].items()
        if len(one["when"]) == 1 and name in _SERVICES and (rates := _rates(one["prices"]))
    ]
    services = services if row[1] is not None else []
    window = model.get("context_window")
    if isinstance(window, int) and window > 0:
        return [*row, services, window]
    return [*row, services] if services else row


def _standard(model: Mapping[str, Any]) -> Any:
    prices = model["prices"]
    free = any(part in model["id"] for part in _FREE)
    if isinstance(prices, Mapping):
        prices = [{"prices": prices}]
    found = [[_when(one.get("constraint")), _rates(one["prices"])] for one in prices]
    if not any(rates for _, rates in found) and not (free and _is_empty(prices)):
        return None
    return found[0][1] if len(found) == 1 else found


def _is_empty(prices: Iterable[Mapping[str, Any]]) -> bool:
    return not any(value is not None for one in prices for value in one["prices"].values())


def _rates(prices: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, price in prices.items():
        if price is None or name not in _UNITS:
            continue
        ours, each = _UNITS[name]
        if isinstance(price, Mapping):
            tiers = sorted(price["tiers"], key=lambda tier: int(tier["start"]))
            rest = [part for one in tiers for part in (one["start"], _pico(one["price"], each))]
            found[ours] = [_pico(price["base"], each), *rest]
        else:
            found[ours] = _pico(price, each)
    return found


def _pico(price: object, each: int) -> int:
    return int((Decimal(str(price)) * PICO / each).to_integral_value())


def _rule(match: Mapping[str, Any]) -> Any:
    [(kind, value)] = match.items()
    if kind in ("or", "and"):
        return ["|" if kind == "or" else "&", *(_rule(one) for one in value)]
    return _CLAUSES[kind] + (value if kind == "regex" else value.lower())


def _when(constraint: Mapping[str, Any] | None) -> str | None:
    if constraint is None:
        return None
    if "start_date" in constraint:
        return str(constraint["start_date"])
    return f"{_clock(constraint['start_time'])}/{_clock(constraint['end_time'])}"


def _clock(text: object) -> str:
    moment = time.fromisoformat(str(text))
    if moment.tzinfo is not None:
        moment = datetime.combine(datetime(1970, 1, 2), moment).astimezone(UTC).time()
    return moment.isoformat("seconds")
