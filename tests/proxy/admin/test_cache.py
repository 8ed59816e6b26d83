"""The cache is asked and emptied by who runs the gateway, and nobody else."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from pipelines.cache_policy import CachePolicy
from proxy.background import Background
from proxy.config.caching import CacheSettings
from proxy.config.redis import RedisPlace
from proxy.stores.cache.redis import RedisReplies
from tests.fakes.servers import free_port, redis
from tests.proxy.admin.harness import Admin

ROUTES = (
    ("GET", "/cache/ping", None),
    ("POST", "/cache/delete", {"keys": ["a"]}),
    ("POST", "/cache/flushall", None),
    ("GET", "/cache/redis/info", None),
)


def an_admin(place: RedisPlace | None = None) -> Admin:
    admin = Admin()
    caching = CacheSettings(policy=CachePolicy(enabled=True), redis=place)
    admin.backing.settings = replace(admin.backing.settings, caching=caching)
    return admin


async def test_the_cache_is_asked_in_litellms_shape() -> None:
    admin = an_admin()
    told = await admin.done("GET", "/cache/ping")
    assert (told["status"], told["cache_type"], told["ping_response"]) == ("healthy", "local", True)
    assert told["set_cache_response"] == "success"
    assert orjson.loads(told["litellm_cache_params"])["scope"] == "team"


async def test_replies_are_deleted_by_their_keys_or_all() -> None:
    admin = an_admin()
    for key in "abc":
        await admin.backing.replies.put(key, b"1", 60.0)
    answer = await admin.done("POST", "/cache/delete", {"keys": ["a", "x"]})
    assert answer == {"status": "success", "deleted": 1}
    assert await admin.backing.replies.get("b") == b"1"
    assert (await admin.done("POST", "/cache/flushall"))["deleted"] == 2
    assert await admin.backing.replies.get("b") is None
    assert (await admin.call("POST", "/cache/delete", {"keys": []})).status == 422


async def test_a_cache_that_is_off_is_told_as_litellm_tells_it() -> None:
    client = await Admin().call("GET", "/cache/ping")
    assert client.status == 503
    error = client.json["error"]
    assert (error["type"], error["param"]) == ("cache_ping_error", "cache_ping")
    assert "not initialized" in orjson.loads(error["message"])["message"]


async def test_without_a_redis_there_is_no_info_of_it() -> None:
    assert (await an_admin().call("GET", "/cache/redis/info")).status == 400


@pytest.mark.parametrize("up", [True, False])
async def test_a_redis_is_asked_for_itself(up: bool) -> None:
    url = redis().url if up else f"redis://:word@127.0.0.1:{free_port()}"
    place, background = RedisPlace(url=url), Background()
    admin = an_admin(place)
    admin.backing.replies = RedisReplies(place, "admin", background)
    await admin.backing.replies.open()
    if up:
        told = await admin.done("GET", "/cache/redis/info")
        assert told["num_clients"] == len(told["clients"]) > 0
        assert told["info"]["redis_version"]
        assert (await admin.done("GET", "/cache/ping"))["cache_type"] == "redis"
    else:
        for path in ("/cache/ping", "/cache/redis/info"):
            client = await admin.call("GET", path)
            assert client.status == 503
            assert b"word" not in client.body
    await admin.backing.replies.close()
    await background.close(0.1)


@pytest.mark.parametrize(
    "role",
    [
        "proxy_admin_viewer",
        "org_admin",
        "internal_user",
        "internal_user_viewer",
        "team",
        "customer",
    ],
)
async def test_only_administrators_empty_it(role: str) -> None:
    admin = an_admin()
    admin.user("u", role)
    admin.key("sk-user-0001", user_id="u")
    for method, path, body in ROUTES:
        client = await admin.call(method, path, body, "sk-user-0001")
        may = path == "/cache/ping" and role == "proxy_admin_viewer"
        assert client.status == (200 if may else 403), (path, role)
