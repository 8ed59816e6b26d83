"""Figures are shared through the Redis that the gateway has, wherever it is named."""

from __future__ import annotations

import pytest

from proxy.config.redis import RedisPlace
from tests.proxy.config.builders import ENV, with_sections

URL = "redis://one:6379/0"


def test_without_a_redis_nothing_is_shared() -> None:
    assert with_sections("").shared_redis is None


@pytest.mark.parametrize(
    "text",
    [f"headgate_settings: {{redis_url: '{URL}'}}", f"router_settings: {{redis_url: '{URL}'}}"],
)
def test_the_gateways_own_is_used(text: str) -> None:
    assert with_sections(text).shared_redis == RedisPlace(url=URL)


def test_a_cluster_of_litellms_variable_is_used() -> None:
    env = {**ENV, "REDIS_CLUSTER_NODES": '[{"host": "a", "port": 7000}]'}
    found = with_sections("", env).shared_redis
    assert found is not None
    assert found.nodes == (("a", 7000),)


def test_else_it_is_that_of_the_cache() -> None:
    text = "litellm_settings: {cache: true, cache_params: {type: redis, host: c}}"
    found = with_sections(text).shared_redis
    assert found is not None
    assert found.host == "c"
