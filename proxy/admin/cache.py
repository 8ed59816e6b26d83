"""The cache of replies, seen and emptied by who runs the gateway.

The rule: what is deleted is the gateway's own; a Redis is shared with others, and its own state of
limits, so it is never emptied.
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import Field

from proxy.admin.errors import DetailedRefusal, Refusal
from proxy.admin.fields import Answer, Body, Name
from proxy.admin.frame import Endpoint
from proxy.admin.roles import ADMIN
from proxy.admin.session import Session
from proxy.admin.shorthand import getting, posting

PROBE = "ping"
PROBE_SECONDS = 10.0


class CacheNotWell(Refusal):
    """There is no cache, or it does not answer."""

    status = 503
    type = "cache_ping_error"


class CacheKeys(Body):
    """The keys of replies, as the header x-litellm-cache-key gives them."""

    keys: Annotated[list[Name], Field(min_length=1, max_length=1000)]


class PingAnswer(Answer):
    """The cache answers, and takes what is given to it."""

    status: str = "healthy"
    cache_type: str
    ping_response: bool = True
    set_cache_response: str = "success"
    litellm_cache_params: str
    health_check_cache_params: dict[str, Any] | None = None


class Emptied(Answer):
    """It is done; `deleted` is how many replies were there."""

    status: str = "success"
    deleted: int


class RedisAnswer(Answer):
    """What Redis says of itself."""

    num_clients: int
    clients: list[dict[str, Any]]
    info: dict[str, Any]


async def ping(session: Session, _: None) -> PingAnswer:
    """Asks the cache, and puts something into it."""
    settings, replies = session.settings.caching, session.backing.replies
    shown = {"type": settings.kind, "ttl": settings.policy.ttl, "scope": settings.policy.scope}
    words = ""
    if not settings.policy.enabled:
        words = "Cache not initialized: litellm_settings.cache is not true."
    elif not await replies.ping():
        words = "The cache does not answer."
    if words:
        told = {"message": words, "litellm_cache_params": shown}
        raise CacheNotWell(orjson.dumps(told).decode(), "cache_ping")
    await replies.put(PROBE, b"", PROBE_SECONDS)
    return PingAnswer(cache_type=settings.kind, litellm_cache_params=orjson.dumps(shown).decode())


async def delete(session: Session, body: CacheKeys) -> Emptied:
    """Deletes the replies of these keys."""
    return Emptied(deleted=await session.backing.replies.delete(body.keys))


async def flush(session: Session, _: None) -> Emptied:
    """Deletes all replies of the gateway, and nothing else."""
    return Emptied(deleted=await session.backing.replies.flush())


async def redis_info(session: Session, _: None) -> RedisAnswer:
    """What the cache's Redis says of itself."""
    if session.settings.caching.redis is None:
        raise DetailedRefusal("The cache is in memory; there is no Redis.")
    found = await session.backing.replies.info()
    if found is None:
        raise CacheNotWell("The cache does not answer.", "cache_ping")
    info, clients = found
    return RedisAnswer(num_clients=len(clients), clients=clients, info=info)


CACHE_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/cache/ping", ping, None, PingAnswer),
    posting("/cache/delete", delete, CacheKeys, Emptied),
    Endpoint(method="POST", path="/cache/flushall", handler=flush, answer=Emptied),
    getting("/cache/redis/info", redis_info, None, RedisAnswer, ADMIN),
)
