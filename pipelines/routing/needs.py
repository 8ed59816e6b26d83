"""What a call needs of a deployment: room for its prompt, abilities, and a region.

The rule: only what is known takes a deployment away; what is not stated of it is taken to be there,
and a prompt is taken to fit unless a rough count says clearly that it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeGuard

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.estimate import estimate_text_tokens
from pipelines.exchange import Exchange
from pipelines.media import media_kinds
from pipelines.prompt_bound import measured

# A prompt that is counted as one token may be three quarters of one.
DOUBT = 0.75
# Media are counted at the most that they can be; few come near it.
MEDIA_SHARE = 4
_BYTES = 4
REGION_FIELD = "allowed_model_region"

_OF_MEDIA = (
    ("image", "vision"),
    ("audio", "audio_input"),
    ("video", "video_input"),
    ("document", "pdf_input"),
    ("file", "pdf_input"),
    ("application/pdf", "pdf_input"),
)
# How clouds call the regions that LiteLLM calls so.
_PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "eu": ("eu-", "europe-", "westeurope", "northeurope"),
        "us": ("us-", "eastus", "westus", "centralus"),
    }
)

Removed = tuple[Deployment, str]


def too_short(candidates: Sequence[Deployment], exchange: Exchange) -> list[Removed]:
    """Those whose context window the prompt does not fit into. Where it seems to fit into none, the
    largest are left that a miscount would let it fit into."""
    call = exchange.call
    # A token has a byte at the least.
    small = [
        (one, window)
        for one in candidates
        if (window := one.context_window) is not None and window < len(call.raw)
    ]
    if not small:
        return []
    tokens = likely_tokens(call)
    found = [(one, window) for one, window in small if window < tokens]
    if len(found) == len(candidates):
        largest = max(window for _, window in found)
        if largest >= tokens * DOUBT:
            found = [(one, window) for one, window in found if window < largest]
    return [
        (one, f"its context window of {window} tokens is too short for a prompt of about {tokens}")
        for one, window in found
    ]


def unable(candidates: Sequence[Deployment], exchange: Exchange) -> list[Removed]:
    """Those of which the operator says that they cannot do what the call needs."""
    if all(all(one.abilities.values()) for one in candidates):
        return []
    needs = frozenset(abilities_of(exchange.call.json))
    removed: list[Removed] = []
    for one in candidates:
        lacking = sorted(need for need in needs if one.abilities.get(need) is False)
        if lacking:
            words = " and ".join(need.replace("_", " ") for need in lacking)
            removed.append((one, f"the call needs {words}, and it is configured to have none"))
    return removed


def elsewhere(candidates: Sequence[Deployment], exchange: Exchange) -> list[Removed]:
    """Those that do not stand in the region that the caller is bound to; unknown is elsewhere."""
    region = region_of(exchange)
    if not region:
        return []
    return [
        (one, f"it stands in {one.region or 'no known region'}, and the call is for {region}")
        for one in candidates
        if not within(one.region, region)
    ]


def region_of(exchange: Exchange) -> str:
    """The region that a call is bound to, empty where it is to none; what the operator says of the
    caller wins over the call."""
    principal = exchange.known_principal
    if principal is not None and principal.region:
        return principal.region
    asked = exchange.call.json.get(REGION_FIELD)
    return asked.strip().lower() if isinstance(asked, str) else ""


def within(region: str, allowed: str) -> bool:
    """Whether a region such as `eu-west-1` or `europe-west4` is a part of another, such as `eu`."""
    return region == allowed or region.startswith(_PARTS.get(allowed, (f"{allowed}-",)))


def likely_tokens(call: Call) -> int:
    """A rough count of the prompt's tokens."""
    size, media, added, _ = measured(call)
    if size != len(call.raw):
        return size // _BYTES + media // MEDIA_SHARE + added
    return estimate_text_tokens(call.raw.decode("utf-8", "replace"))


def abilities_of(body: Mapping[str, Any]) -> Iterator[str]:
    """The abilities that a call needs, in the words of `model_info.supports_*`."""
    for kind in media_kinds(body):
        yield from (ability for start, ability in _OF_MEDIA if kind.startswith(start))
    tools = body.get("tools") or body.get("functions")
    if isinstance(tools, list) and tools:
        searches = [_searches(tool) for tool in tools]
        if not all(searches):
            yield "function_calling"
        if any(searches):
            yield "web_search"
    if body.get("web_search_options") is not None:
        yield "web_search"
    if _asks_schema(body):
        yield "response_schema"
    modalities = body.get("modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        yield "audio_output"


def _searches(tool: object) -> bool:
    if not isinstance(tool, dict):
        return False
    kind = tool.get("type")
    if isinstance(kind, str) and kind.startswith("web_search"):
        return True
    return any(name in tool for name in ("google_search", "googleSearch"))


def _asks_schema(body: Mapping[str, Any]) -> bool:
    text, config = body.get("text"), body.get("generationConfig")
    for form in (body.get("response_format"), text.get("format") if _is_map(text) else None):
        if _is_map(form) and form.get("type") == "json_schema":
            return True
    if _is_map(config) and (config.get("responseSchema") or config.get("responseJsonSchema")):
        return True
    return _is_map(body.get("format"))


def _is_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict)
