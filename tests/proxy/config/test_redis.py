"""A place tells what it is, and not its password."""

from __future__ import annotations

from proxy.config.redis import RedisPlace


def test_a_place_tells_its_shape_and_hides_its_passwords() -> None:
    one = RedisPlace(url="redis://:marked@h", password="marked", sentinel_password="marked")
    assert one.kind == "redis"
    assert "marked" not in repr(one)
    assert RedisPlace(nodes=(("h", 1),)).kind == "redis-cluster"
    assert RedisPlace(sentinels=(("h", 1),)).kind == "redis-sentinel"
