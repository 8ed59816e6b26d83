"""Where a Redis is, in every shape that people have one.

The rule: an address is one server, a cluster's nodes, or sentinels that know the server; what
could be a password is in no repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPlace:
    """One Redis: its `url`, else `host` and `port`; with `nodes` a cluster; with `sentinels` the
    server that they know as `service`. `tls` are the options of redis-py whose names begin with
    `ssl`."""

    url: str | None = field(default=None, repr=False)
    host: str = ""
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    nodes: tuple[tuple[str, int], ...] = ()
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_password: str | None = field(default=None, repr=False)
    tls: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        """Which of its shapes this is, in a word."""
        if self.nodes:
            return "redis-cluster"
        return "redis-sentinel" if self.sentinels else "redis"
