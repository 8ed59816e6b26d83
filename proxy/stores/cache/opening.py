"""Opens the store of replies that the configuration names.

The rule: there is always one, for what must be kept without a cache too (replies under an
Idempotency-Key); without a Redis it is this process's memory.
"""

from __future__ import annotations

from pipelines.clock import Clock
from proxy.background import Background
from proxy.config.caching import CacheSettings
from proxy.stores.cache.memory import MemoryReplies
from proxy.stores.cache.redis import RedisReplies
from proxy.stores.opening import CannotOpen
from proxy.stores.redis_clients import NoRedis

Replies = MemoryReplies | RedisReplies


def open_replies(settings: CacheSettings, clock: Clock, background: Background) -> Replies:
    """The store of replies; it connects when it is opened. Raises CannotOpen."""
    if settings.redis is None:
        return MemoryReplies(clock, settings.memory_bytes, settings.largest)
    try:
        return RedisReplies(settings.redis, settings.namespace, background, settings.largest)
    except NoRedis as error:
        raise CannotOpen(str(error)) from None
