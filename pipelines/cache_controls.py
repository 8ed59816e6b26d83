"""What a call itself says of known replies.

The rule: the operator's word for a key stands above the call's own, and the body above a header; a
value that makes no sense is the client's mistake and told to it.
Source: https://docs.litellm.ai/docs/proxy/caching_controls
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.cache_policy import CachePolicy
from pipelines.call import Call
from pipelines.errors import BadCall
from pipelines.exchange import Principal

LONGEST_NAMESPACE = 200
LONGEST_TTL = 366 * 86_400.0

_FLAGS = frozenset({"no-cache", "no-store", "use-cache", "pacing"})
_SECONDS = frozenset({"ttl", "s-maxage", "s-max-age"})


@dataclass(frozen=True, slots=True)
class Controls:
    """How one call wants the cache: whether a known reply may answer it and its own be kept, for
    how many seconds, how old a known one may be, and whether it comes at its first speed."""

    read: bool
    store: bool
    ttl: float
    max_age: float | None = None
    namespace: str = ""
    pacing: bool = False


def controls_of(call: Call, principal: Principal, policy: CachePolicy) -> Controls | None:
    """What the call wants, or None where the cache is none of its business. Raises BadCall."""
    if not policy.enabled or call.operation.name not in policy.operations:
        return None
    body = call.json
    if body.get("caching") is False:
        return None
    said = _said(body, principal)
    header = _header(call)
    if (
        not policy.default_on
        and said.get("use-cache") is not True
        and body.get("caching") is not True
    ):
        return None
    read = said.get("no-cache", "no-cache" in header) is not True
    store = said.get("no-store", "no-store" in header) is not True
    if not read and not store:
        return None
    ttl = said.get("ttl", header.get("s-maxage", policy.ttl))
    pacing = said.get("pacing", policy.pacing) is True
    max_age = said.get("s-maxage", said.get("s-max-age"))
    return Controls(read, store and ttl > 0, ttl, max_age, said.get("namespace") or "", pacing)


def _said(body: Mapping[str, Any], principal: Principal) -> Mapping[str, Any]:
    own = body.get("cache")
    if own is not None and not isinstance(own, dict):
        raise BadCall("The field 'cache' must be an object, such as {\"no-cache\": true}.", "cache")
    of_key = principal.metadata.get("cache") if principal.metadata else None
    if not own and not isinstance(of_key, Mapping):
        return {}
    said = {name: one for name, one in (own or {}).items() if one is not None}
    for name, value in said.items():
        _check(name, value)
    if isinstance(of_key, Mapping):
        said.update((name, one) for name, one in of_key.items() if _good(name, one))
    return said


def _good(name: object, value: object) -> bool:
    if name in _FLAGS:
        return isinstance(value, bool)
    if name in _SECONDS:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and 0 <= value <= LONGEST_TTL
        )
    return name != "namespace" or (isinstance(value, str) and len(value) <= LONGEST_NAMESPACE)


def _check(name: str, value: object) -> None:
    if _good(name, value):
        return
    if name in _FLAGS:
        wanted = "true or false"
    elif name in _SECONDS:
        wanted = "a number of seconds from 0 up to a year"
    else:
        wanted = f"a string of at most {LONGEST_NAMESPACE} characters"
    raise BadCall(f"The field 'cache.{name[:50]}' must be {wanted}.", "cache")


def _header(call: Call) -> Mapping[str, Any]:
    value = call.header(b"cache-control")
    if not value:
        return {}
    found: dict[str, Any] = {}
    for part in value.lower().split(","):
        name, _, argument = part.strip().partition("=")
        if name in ("no-cache", "no-store"):
            found[name] = True
        elif name == "s-maxage" and argument.isascii() and argument.isdigit():
            found[name] = min(float(argument[:12]), LONGEST_TTL)
    return found
