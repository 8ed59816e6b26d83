"""Anthropic's usage object, both ways.

The rule: their `input_tokens` leave out what was read from the cache and what was written into it;
ours hold both. Source: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.usage import Usage

_CACHED = frozenset({"cache_read_input_tokens", "cache_creation_input_tokens"})


def merged(before: Mapping[str, Any], usage: object) -> dict[str, Any]:
    """What is known of the usage after one more object of it; a count of zero replaces none, but
    for a prompt that came from the cache as a whole."""
    if not isinstance(usage, Mapping):
        return dict(before)
    told = {key: value for key, value in usage.items() if value}
    if usage.get("input_tokens") == 0 and not _CACHED.isdisjoint(told):
        told["input_tokens"] = 0
    return {**before, **told}


def read_usage(value: Mapping[str, Any]) -> Usage | None:
    """What a usage object counts; None where it counts nothing."""
    if not value:
        return None
    cached = _count(value.get("cache_read_input_tokens"))
    written = _count(value.get("cache_creation_input_tokens"))
    details = value.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, Mapping) else 0
    kept, tools = value.get("cache_creation"), value.get("server_tool_use")
    hour = kept.get("ephemeral_1h_input_tokens") if isinstance(kept, Mapping) else 0
    searches = tools.get("web_search_requests") if isinstance(tools, Mapping) else 0
    return Usage(
        prompt_tokens=_count(value.get("input_tokens")) + cached + written,
        completion_tokens=_count(value.get("output_tokens")),
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=_count(thought),
        cache_write_hour_tokens=min(written, _count(hour)),
        searches=_count(searches),
        service_tier="fast" if value.get("speed") == "fast" else "",
    )


def usage_object(usage: Usage) -> dict[str, Any]:
    """Anthropic's usage object."""
    fresh = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens
    value: dict[str, Any] = {
        "input_tokens": max(0, fresh),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
    if usage.reasoning_tokens:
        value["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return value


def _count(value: object) -> int:
    return max(0, value) if type(value) is int else 0
