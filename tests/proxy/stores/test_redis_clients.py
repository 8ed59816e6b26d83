"""A client for each shape of Redis."""

from __future__ import annotations

import sys

import pytest

from proxy.config.redis import RedisPlace
from proxy.stores.redis_clients import NoRedis, close_client, redis_client

TLS = {"ssl": True, "ssl_cert_reqs": "none"}


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (RedisPlace(url="rediss://:word@h:1/2"), "Redis"),
        (RedisPlace(host="h", password="word", tls=TLS), "Redis"),
        (RedisPlace(host="h", tls={"ssl_ca_certs": "x"}), "Redis"),
        (RedisPlace(nodes=(("h", 1),), tls=TLS), "RedisCluster"),
        (RedisPlace(sentinels=(("h", 1),), service="main", tls={"ssl_ca_certs": "x"}), "Redis"),
    ],
)
async def test_each_shape_has_its_client(place: RedisPlace, kind: str) -> None:
    client = redis_client(place)
    assert type(client).__name__ == kind
    assert "word" not in repr(place)
    await close_client(client)


def test_an_address_that_cannot_be_read_is_told_without_its_password() -> None:
    with pytest.raises(NoRedis, match="cannot be used") as raised:
        redis_client(RedisPlace(url="http://:secret@h"))
    assert "secret" not in str(raised.value)


def test_a_library_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(NoRedis, match=r"headgate\[redis\]"):
        redis_client(RedisPlace(host="h"))
