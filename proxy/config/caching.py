"""Decides which replies are kept, where, and for whom.

The rule: LiteLLM's `cache` and `cache_params` say what they say there, except who shares a reply,
which is never more than the operator's `cache_scope`; a kind of cache that is not built is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.cache_policy import CACHEABLE, CachePolicy
from proxy.config.caching_keys import (
    CALL_TYPES,
    LOCAL,
    MODES,
    NOT_BUILT,
    OF_OTHERS,
    REDIS,
    CacheParams,
)
from proxy.config.masking import plain
from proxy.config.parts import Parts
from proxy.config.problems import NOT_ACTIVE, Trail
from proxy.config.redis import RedisPlace
from proxy.config.redis_address import RedisAddress, redis_place
from proxy.config.references import Reading
from proxy.config.validate import validate

MEBIBYTE = 1_048_576
MEMORY_MB = 64
PREFIX = "headgate:cache"
PARAMS: Trail = ("litellm_settings", "cache_params")
KWARGS: Trail = ("router_settings", "cache_kwargs")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """What is kept (`policy`) and where: in this `redis`, under the `namespace`, else in this
    process's memory, in about `memory_bytes`; a reply over `largest` bytes is not kept."""

    policy: CachePolicy = field(default_factory=CachePolicy)
    redis: RedisPlace | None = None
    namespace: str = f"{PREFIX}:default"
    memory_bytes: int = MEMORY_MB * MEBIBYTE
    largest: int = MEBIBYTE

    @property
    def kind(self) -> str:
        """Where replies are kept, in LiteLLM's word."""
        return LOCAL if self.redis is None else REDIS


def caching(parts: Parts, reading: Reading, gateway_redis: str | None) -> CacheSettings:
    """What is kept and where; `gateway_redis` is the address that the gateway uses anyway."""
    default, own = CacheSettings(), parts.own
    settings = replace(
        default,
        policy=_own_policy(parts),
        memory_bytes=(own.cache_memory_mb or MEMORY_MB) * MEBIBYTE,
        largest=(own.cache_max_reply_mb or 1) * MEBIBYTE,
    )
    trail, given = _params(parts)
    if parts.litellm.cache is None and not parts.router.cache_responses:
        if given:
            reading.problems.note(trail, "not used: litellm_settings.cache is not true")
        return settings
    if not (parts.litellm.cache or parts.router.cache_responses):
        return settings
    for name in sorted(OF_OTHERS & given.keys()):
        if given.get("type") not in NOT_BUILT:
            reading.problems.note((*trail, name), NOT_ACTIVE)
    named = {name: value for name, value in given.items() if name not in OF_OTHERS}
    params = validate(CacheParams, named, trail, reading.problems) or CacheParams()
    if params.type in NOT_BUILT:
        message = f"a cache of the type {params.type} is not built; nothing is cached"
        reading.problems.warning((*trail, "type"), message)
        return settings
    place = None
    if params.type != LOCAL:
        place = redis_place(_address(params), trail, reading, gateway_redis)
        if place is None and params.type == REDIS:
            words = "there is no address of Redis: set host or url here, or REDIS_URL"
            reading.problems.error(trail, words)
    return replace(
        settings,
        policy=_policy(settings.policy, params, place, trail, reading),
        redis=place,
        namespace=f"{PREFIX}:{params.namespace or 'default'}",
    )


def _params(parts: Parts) -> tuple[Trail, Mapping[str, Any]]:
    if parts.litellm.cache_params is not None or not parts.router.cache_responses:
        return PARAMS, parts.litellm.cache_params or {}
    return KWARGS, parts.router.cache_kwargs or {}


def _own_policy(parts: Parts) -> CachePolicy:
    own, default = parts.own, CachePolicy()
    return replace(
        default,
        scope=own.cache_scope or default.scope,
        pacing=bool(own.cache_pacing),
        join=own.join_calls is not False,
        idempotency_ttl=own.idempotency_ttl or default.idempotency_ttl,
        resumable=bool(own.resumable_streams),
        resume_ttl=own.resume_ttl or default.resume_ttl,
        resume_grace=default.resume_grace if own.resume_grace is None else own.resume_grace,
    )


def _policy(
    policy: CachePolicy,
    params: CacheParams,
    place: RedisPlace | None,
    trail: Trail,
    reading: Reading,
) -> CachePolicy:
    usual = params.default_in_memory_ttl if place is None else params.default_in_redis_ttl
    return replace(
        policy,
        enabled=True,
        default_on=params.mode != MODES[1],
        ttl=params.ttl or usual or policy.ttl,
        namespace=params.namespace or "",
        operations=_operations(params.supported_call_types, trail, reading),
    )


def _operations(names: list[str] | None, trail: Trail, reading: Reading) -> frozenset[str]:
    if names is None:
        return CACHEABLE
    found: set[str] = set()
    for at, name in enumerate(names):
        if name in CACHEABLE:
            found.add(name)
        elif name in CALL_TYPES:
            found |= CALL_TYPES[name]
        else:
            where = (*trail, "supported_call_types", at)
            reading.problems.warning(where, f'no kind of call is named "{plain(name)}"')
    return frozenset(found)


def _address(params: CacheParams) -> RedisAddress:
    tls = {
        name: value
        for name, value in params.model_dump().items()
        if name.startswith("ssl") and value is not None
    }
    return RedisAddress(
        url=params.url,
        host=params.host,
        port=params.port,
        db=params.db,
        username=params.username,
        password=params.password,
        startup_nodes=params.redis_startup_nodes,
        sentinel_nodes=params.sentinel_nodes,
        sentinel_password=params.sentinel_password,
        service_name=params.service_name,
        tls=tls,
    )
