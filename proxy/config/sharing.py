"""Finds the Redis through which processes tell each other what their deployments are doing.

The rule: the gateway's own Redis; else a cluster or sentinels of LiteLLM's variables; else that of
the cache.
"""

from __future__ import annotations

from proxy.config.redis import RedisPlace
from proxy.config.redis_address import RedisAddress, redis_place
from proxy.config.references import Reading


def shared_redis(
    reading: Reading, gateway: str | None, cache: RedisPlace | None
) -> RedisPlace | None:
    """Where the figures are shared; None where each process keeps its own."""
    if gateway is not None:
        return RedisPlace(url=gateway)
    return redis_place(RedisAddress(), (), reading, None) or cache
