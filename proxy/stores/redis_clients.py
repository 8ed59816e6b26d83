"""Clients of Redis, for those who can do without its answers.

The rule: a client retries once, on a fresh connection, for the pool may hold those of a server that
is gone; how long anything may take is for the caller to say.
"""

from __future__ import annotations

from typing import Any

from proxy.config.redis import RedisPlace

MOST_CONNECTIONS = 64


class NoRedis(Exception):
    """There can be no client; the message says why, and holds no password."""


def redis_client(place: RedisPlace) -> Any:
    """A client of redis-py for this place; it connects when it is used. Raises NoRedis."""
    try:
        from redis import asyncio as redis
        from redis import exceptions
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError:
        raise NoRedis(
            "a Redis is configured and its library is not installed; pip install 'headgate[redis]'"
        ) from None
    options: dict[str, Any] = {
        "protocol": 2,
        "max_connections": MOST_CONNECTIONS,
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)),
    }
    try:
        return _made(redis, place, options)
    except (ValueError, TypeError, exceptions.RedisError) as error:
        raise NoRedis(
            f"the address of Redis cannot be used ({type(error).__name__}); write"
            " redis://:password@host:6379/0"
        ) from None


async def close_client(client: Any) -> None:
    """Close its connections, those to sentinels too."""
    await client.aclose()
    pool = getattr(client, "connection_pool", None)
    for one in getattr(getattr(pool, "sentinel_manager", None), "sentinels", ()):
        await one.aclose()


def redis_failures() -> tuple[type[BaseException], ...]:
    """What a client raises where there is no answer."""
    from redis import exceptions

    return (exceptions.RedisError, OSError, TimeoutError)


def redis_refusal() -> type[Exception]:
    """What a client raises where Redis answers that it will not."""
    from redis import exceptions

    return exceptions.ResponseError


def _made(redis: Any, place: RedisPlace, options: dict[str, Any]) -> Any:
    if place.url is not None:
        cluster = redis.RedisCluster if place.nodes else redis.Redis
        return cluster.from_url(place.url, **options)
    options |= {"username": place.username, "password": place.password}
    if place.tls.get("ssl"):
        options |= place.tls
    if place.nodes:
        from redis.asyncio.cluster import ClusterNode

        nodes = [ClusterNode(host, port) for host, port in place.nodes]
        return redis.RedisCluster(startup_nodes=nodes, **options)
    if not place.sentinels:
        return redis.Redis(host=place.host, port=place.port, db=place.db, **options)
    asked = {"password": place.sentinel_password, "retry": options["retry"], "protocol": 2}
    sentinel = redis.Sentinel(list(place.sentinels), sentinel_kwargs=asked)
    return sentinel.master_for(place.service, db=place.db, **options)
