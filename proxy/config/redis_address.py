"""Finds the Redis that an operator means.

The rule: what stands in the file wins over LiteLLM's variables (REDIS_URL, REDIS_HOST, …), and
those over the Redis that the gateway uses anyway; what could be a password goes into the vault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.config.masking import show
from proxy.config.problems import Trail
from proxy.config.redis import RedisPlace
from proxy.config.references import Reading

PORT = 6379
SENTINEL_PORT = 26_379
URLS = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """What the file says of it, by LiteLLM's names; `tls` are the keys that begin with `ssl`."""

    url: str | None = field(default=None, repr=False)
    host: str | None = None
    port: int | None = None
    db: int | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    startup_nodes: object = None
    sentinel_nodes: object = None
    sentinel_password: str | None = field(default=None, repr=False)
    service_name: str | None = None
    tls: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def empty(self) -> bool:
        """Whether it leads nowhere."""
        return not (self.url or self.host or self.startup_nodes or self.sentinel_nodes)


def redis_place(
    said: RedisAddress, trail: Trail, reading: Reading, otherwise: str | None
) -> RedisPlace | None:
    """The Redis of the file, of the variables, or at the address `otherwise`; None where there is
    none. What cannot be read is an error, and left out."""
    if said.empty:
        said = _from_environment(said, reading)
    if said.empty:
        return None if otherwise is None else RedisPlace(url=otherwise)
    for secret in (said.password, said.sentinel_password):
        if secret:
            reading.references.vault.keep(secret)
    if said.startup_nodes or said.sentinel_nodes:
        return _several(said, trail, reading)
    if said.url:
        return _by_url(said, trail, reading)
    return RedisPlace(
        host=said.host or "",
        port=said.port or PORT,
        db=said.db or 0,
        username=said.username,
        password=said.password,
        tls=said.tls,
    )


def _by_url(said: RedisAddress, trail: Trail, reading: Reading) -> RedisPlace | None:
    url = said.url or ""
    if "@" in url:
        reading.references.vault.keep(url)
        reading.references.vault.keep(url.rpartition("@")[0].rpartition(":")[2])
    if not url.startswith(URLS):
        message = "expected an address such as redis://:password@host:6379/0"
        reading.problems.error((*trail, "url"), message)
        return None
    return RedisPlace(url=url)


def _several(said: RedisAddress, trail: Trail, reading: Reading) -> RedisPlace | None:
    nodes = _pairs(said.startup_nodes, PORT, (*trail, "redis_startup_nodes"), reading)
    sentinels = _pairs(said.sentinel_nodes, SENTINEL_PORT, (*trail, "sentinel_nodes"), reading)
    if sentinels and not said.service_name:
        message = "with sentinel_nodes, the name of the server is needed"
        reading.problems.error((*trail, "service_name"), message)
        return None
    if not nodes and not sentinels:
        return None
    return RedisPlace(
        nodes=nodes,
        sentinels=() if nodes else sentinels,
        service=said.service_name or "",
        db=said.db or 0,
        username=said.username,
        password=said.password,
        sentinel_password=said.sentinel_password,
        tls=said.tls,
    )


def _pairs(value: object, port: int, trail: Trail, reading: Reading) -> tuple[tuple[str, int], ...]:
    found: list[tuple[str, int]] = []
    for at, one in enumerate(value if isinstance(value, list) else []):
        pair = _pair(one, port)
        if pair is None:
            message = f"expected {{host: …, port: …}} or [host, port], got {show(one)}"
            reading.problems.error((*trail, at), message)
        else:
            found.append(pair)
    if value and not isinstance(value, list):
        reading.problems.error(trail, f"expected a list of nodes, got {show(value)}")
    return tuple(found)


def _pair(one: object, port: int) -> tuple[str, int] | None:
    if isinstance(one, Mapping):
        one = [one.get("host"), one.get("port", port)]
    if not isinstance(one, list) or len(one) != 2 or not isinstance(one[0], str):
        return None
    number = str(one[1])
    return (one[0], int(number)) if number.isdecimal() and 0 < int(number) < 65_536 else None


def _from_environment(said: RedisAddress, reading: Reading) -> RedisAddress:
    number = reading.variable("REDIS_PORT") or ""
    db = reading.variable("REDIS_DB") or ""
    tls = dict(said.tls)
    if "ssl" not in tls and (reading.variable("REDIS_SSL") or "").lower() in ("true", "1", "yes"):
        tls["ssl"] = True
    return RedisAddress(
        url=reading.variable("REDIS_URL"),
        host=reading.variable("REDIS_HOST"),
        port=said.port or (int(number) if number.isdecimal() else None),
        db=said.db or (int(db) if db.isdecimal() else None),
        username=said.username or reading.variable("REDIS_USERNAME"),
        password=said.password or reading.variable("REDIS_PASSWORD"),
        startup_nodes=_listed("REDIS_CLUSTER_NODES", reading),
        sentinel_nodes=_listed("REDIS_SENTINEL_NODES", reading),
        sentinel_password=said.sentinel_password or reading.variable("REDIS_SENTINEL_PASSWORD"),
        service_name=said.service_name or reading.variable("REDIS_SERVICE_NAME"),
        tls=tls,
    )


def _listed(name: str, reading: Reading) -> object:
    text = reading.variable(name)
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        reading.problems.warning((name,), "expected a list in JSON; it is not used")
        return None
