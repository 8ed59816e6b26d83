"""The Redis that an operator means, in every shape that people write it in."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from proxy.config.redis import RedisPlace
from tests.proxy.config.builders import examined, said

MODELS = "model_list: [{model_name: m, litellm_params: {model: mock/m}}]\n"


def place(text: str, env: Mapping[str, str] | None = None) -> tuple[RedisPlace | None, str]:
    whole = f"litellm_settings: {{cache: true, cache_params: {{type: redis, {text}}}}}\n"
    settings = examined(MODELS + whole, env or {})
    assert "marked" not in repr(settings)
    assert "marked" not in settings.secrets.scrub("it is marked-0123456")
    return settings.caching.redis, said(settings, "error") + said(settings, "warning")


@pytest.mark.parametrize("secret", ["password: marked-0123456"])
def test_a_server_is_named_by_its_parts(secret: str) -> None:
    found, told = place(f"host: h, port: '7000', db: 2, username: u, {secret}, ssl: true")
    assert told == ""
    assert found == RedisPlace(
        host="h", port=7000, db=2, username="u", password="marked-0123456", tls={"ssl": True}
    )


def test_a_cluster_is_a_list_of_nodes() -> None:
    nodes = "redis_startup_nodes: [{host: a, port: 1}, {host: b, port: '2'}]"
    found, told = place(f"{nodes}, password: marked-0123456")
    assert told == ""
    assert found is not None
    assert found.nodes == (("a", 1), ("b", 2))


def test_sentinels_need_the_name_of_the_server() -> None:
    nodes = "sentinel_nodes: [[a, 26379], [b]], password: marked-0123456"
    _, told = place(nodes)
    assert "sentinel_nodes[1]: expected {host: …, port: …} or [host, port]" in told
    assert "service_name: with sentinel_nodes, the name of the server is needed" in told
    text = "sentinel_nodes: [[a, 26379]], service_name: main, sentinel_password: marked-0123456"
    found, told = place(text)
    assert told == ""
    assert found is not None
    assert (found.sentinels, found.service) == ((("a", 26379),), "main")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("url: 'http://:marked-0123456@h'", "expected an address such as redis://"),
        ("redis_startup_nodes: here, password: marked-0123456", "expected a list of nodes"),
        ("redis_startup_nodes: [7], password: marked-0123456", "expected {host: …, port: …}"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, words: str) -> None:
    assert words in place(text)[1]


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        (
            {"REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_DB": "3", "REDIS_SSL": "True"},
            RedisPlace(host="h", port=1, db=3, password="marked-0123456", tls={"ssl": True}),
        ),
        (
            {"REDIS_CLUSTER_NODES": '[{"host": "a", "port": 1}]'},
            RedisPlace(nodes=(("a", 1),), password="marked-0123456"),
        ),
        (
            {"REDIS_SENTINEL_NODES": '[["a", 1]]', "REDIS_SERVICE_NAME": "main"},
            RedisPlace(sentinels=(("a", 1),), service="main", password="marked-0123456"),
        ),
    ],
)
def test_litellms_variables_stand_in_for_the_file(
    env: Mapping[str, str], wanted: RedisPlace
) -> None:
    found, told = place("mode: default_on", {**env, "REDIS_PASSWORD": "marked-0123456"})
    assert (found, told) == (wanted, "")


def test_a_variable_that_is_no_json_is_told() -> None:
    env = {"REDIS_CLUSTER_NODES": "a:1", "REDIS_HOST": "h", "REDIS_PASSWORD": "marked-0123456"}
    found, told = place("mode: default_on", env)
    assert found is not None
    assert found.host == "h"
    assert "REDIS_CLUSTER_NODES: expected a list in JSON" in told
