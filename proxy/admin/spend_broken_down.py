"""Days broken down by models, providers, operations, keys and entities, as LiteLLM shows them.

The rule: it only adds up and names what the rollups gave; sums are US dollars where they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from proxy.admin.money import usd
from proxy.admin.spend_seen import date_of
from proxy.stores.journal.sums import Totals

UNASSIGNED = "Unassigned"
UNKNOWN = "unknown"

_NO_KEY: Mapping[str, Any] = MappingProxyType(
    {"key_alias": None, "team_id": None, "user_id": None, "user_email": None, "key_exists": False}
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of keys and entities, by their ids: the hashed secrets, and what is shown."""

    digests: Mapping[str, str]
    keys: Mapping[str, Mapping[str, Any]]
    entities: Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class Metrics:
    """What calls came to, as it grows; `cost` in nano-dollars."""

    cost: int = 0
    calls: int = 0
    failed: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    written: int = 0
    milliseconds: int = 0

    def add(self, one: Totals) -> None:
        """Count these calls in."""
        self.cost += one.cost
        self.calls += one.calls
        self.failed += one.failed
        self.prompt += one.prompt_tokens
        self.completion += one.completion_tokens
        self.cached += one.cached_tokens
        self.written += one.cache_write_tokens
        self.milliseconds += one.milliseconds

    def shown(self) -> dict[str, Any]:
        """In LiteLLM's names."""
        return {
            "spend": usd(self.cost),
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "cache_read_input_tokens": self.cached,
            "cache_creation_input_tokens": self.written,
            "total_tokens": self.prompt + self.completion,
            "successful_requests": self.calls - self.failed,
            "failed_requests": self.failed,
            "api_requests": self.calls,
            "total_response_time_ms": self.milliseconds,
            "timed_requests": self.calls,
        }


@dataclass(slots=True)
class _Part:
    metrics: Metrics = field(default_factory=Metrics)
    keys: dict[str, Metrics] = field(default_factory=dict)


@dataclass(slots=True)
class _Day:
    metrics: Metrics = field(default_factory=Metrics)
    parts: dict[str, dict[str, _Part]] = field(default_factory=dict)
    keys: dict[str, Metrics] = field(default_factory=dict)

    def part(self, sort: str, name: str) -> _Part:
        return self.parts.setdefault(sort, {}).setdefault(name, _Part())


def broken_down(
    sums: tuple[Sequence[Totals], Sequence[Totals], Sequence[Totals], Sequence[Totals]],
    known: Known,
) -> list[dict[str, Any]]:
    """The days, the newest first, of sums by (day, model, group, provider, deployment, operation),
    (day, key, model, group, provider), (day, entity) and (day, entity, key)."""
    by_what, by_key, by_entity, by_both = sums
    found: dict[int, _Day] = {}
    for one in by_what:
        day = found.setdefault(one.group[0], _Day())
        day.metrics.add(one)
        _, model, group, provider, _, operation = one.group
        for sort, name in (*_named(model, group, provider), ("endpoints", operation)):
            if name:
                day.part(sort, name).metrics.add(one)
    for one in by_key:
        number, key, *what = one.group
        day = found.setdefault(number, _Day())
        day.keys.setdefault(key, Metrics()).add(one)
        for sort, name in _named(*what):
            if name:
                day.part(sort, name).keys.setdefault(key, Metrics()).add(one)
    for one in by_entity:
        day = found.setdefault(one.group[0], _Day())
        day.part("entities", one.group[1] or UNASSIGNED).metrics.add(one)
    for one in by_both:
        number, entity, key = one.group
        part = found.setdefault(number, _Day()).part("entities", entity or UNASSIGNED)
        part.keys.setdefault(key, Metrics()).add(one)
    return [_shown(number, found[number], known) for number in sorted(found, reverse=True)]


def _named(model: str, group: str, provider: str) -> tuple[tuple[str, str], ...]:
    return ("models", model), ("model_groups", group or model), ("providers", provider or UNKNOWN)


def _shown(number: int, day: _Day, known: Known) -> dict[str, Any]:
    return {
        "date": date_of(number).isoformat(),
        "metrics": day.metrics.shown(),
        "breakdown": {
            "mcp_servers": {},
            **{
                sort: {
                    name: _part(part, known.entities.get(name, {}), known)
                    for name, part in day.parts.get(sort, {}).items()
                }
                for sort in ("models", "model_groups", "providers", "endpoints", "entities")
            },
            "api_keys": _keys(day.keys, known),
        },
    }


def _part(part: _Part, metadata: Mapping[str, Any], known: Known) -> dict[str, Any]:
    return {
        "metrics": part.metrics.shown(),
        "metadata": metadata,
        "api_key_breakdown": _keys(part.keys, known),
    }


def _keys(keys: Mapping[str, Metrics], known: Known) -> dict[str, Any]:
    return {
        known.digests.get(key, key): {
            "metrics": metrics.shown(),
            "metadata": known.keys.get(key) or dict(_NO_KEY),
        }
        for key, metrics in keys.items()
        if key
    }
