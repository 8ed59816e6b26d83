"""Which replies are kept, where, and for whom."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipelines.cache_policy import CACHEABLE, CachePolicy
from proxy.config.caching import CacheSettings
from tests.proxy.config.builders import examined, said

MODELS = "model_list: [{model_name: m, litellm_params: {model: mock/m}}]\n"


def read(text: str, env: Mapping[str, str] | None = None) -> tuple[CacheSettings, str]:
    settings = examined(MODELS + text, env or {})
    told = "\n".join(said(settings, level) for level in ("error", "warning", "note"))
    return settings.caching, told.strip()


def params(text: str, env: Mapping[str, str] | None = None) -> tuple[CacheSettings, str]:
    return read(f"litellm_settings: {{cache: true, cache_params: {{{text}}}}}\n", env)


def test_without_a_word_nothing_is_cached() -> None:
    assert read("") == (CacheSettings(), "")
    assert not CacheSettings().policy.enabled


def test_a_cache_without_an_address_is_in_memory() -> None:
    for text in ("litellm_settings: {cache: true}", "router_settings: {cache_responses: true}"):
        found, told = read(text)
        assert told == ""
        assert (found.policy, found.kind) == (CachePolicy(enabled=True), "local")


def test_a_cache_that_is_off_says_what_it_leaves_out() -> None:
    found, told = read("litellm_settings: {cache_params: {type: local}}")
    assert not found.policy.enabled
    assert "not used: litellm_settings.cache is not true" in told
    assert not read("litellm_settings: {cache: false, cache_params: {type: local}}")[
        0
    ].policy.enabled


def test_litellms_keys_say_what_they_say_there() -> None:
    found, told = params(
        "type: local, mode: default_off, ttl: 60, namespace: mine,"
        " supported_call_types: [acompletion, embedding, rerank]"
    )
    assert told == ""
    policy = found.policy
    assert (policy.default_on, policy.ttl, policy.namespace) == (False, 60.0, "mine")
    assert found.namespace == "headgate:cache:mine"
    assert {"chat", "messages", "embeddings", "rerank"} <= policy.operations < CACHEABLE
    assert "responses" not in policy.operations


def test_each_kind_has_its_own_default_for_how_long() -> None:
    text = "default_in_memory_ttl: 5, default_in_redis_ttl: 7"
    assert params(f"type: local, {text}")[0].policy.ttl == 5.0
    assert params(f"type: redis, host: h, {text}")[0].policy.ttl == 7.0


def test_an_unknown_kind_of_call_is_told() -> None:
    found, told = params("type: local, supported_call_types: [chat, sing]")
    assert found.policy.operations == {"chat"}
    assert 'no kind of call is named "sing"' in told


@pytest.mark.parametrize(
    "kind",
    ["s3", "gcs", "azure-blob", "disk", "redis-semantic", "valkey-semantic", "qdrant-semantic"],
)
def test_a_kind_that_is_not_built_is_off_and_said(kind: str) -> None:
    found, told = params(f"type: {kind}, s3_bucket_name: b, similarity_threshold: 0.8")
    assert not found.policy.enabled
    assert f"a cache of the type {kind} is not built; nothing is cached" in told
    assert "s3_bucket_name" not in told


def test_keys_of_another_kind_are_told() -> None:
    _, told = params("type: local, disk_cache_dir: d, colour: red")
    assert "litellm_settings.cache_params.disk_cache_dir: not active yet" in told
    assert "litellm_settings.cache_params.colour: unknown key" in told


def test_a_redis_that_is_asked_for_needs_an_address() -> None:
    assert "there is no address of Redis" in params("type: redis")[1]
    found, told = params("type: redis", {"REDIS_URL": "redis://:marked-0123456@h/1"})
    assert told == ""
    assert found.redis is not None
    assert found.redis.url == "redis://:marked-0123456@h/1"
    assert "marked" not in repr(found)


def test_the_redis_of_the_gateway_is_used_where_no_other_is_named() -> None:
    text = "litellm_settings: {cache: true}\nheadgate_settings: {redis_url: 'redis://own:1/0'}\n"
    found, _ = read(text)
    assert found.redis is not None
    assert found.redis.url == "redis://own:1/0"
    assert params("type: local", {"REDIS_URL": "redis://h"})[0].redis is None


def test_the_routers_own_keys_are_read_where_it_turns_the_cache_on() -> None:
    text = "router_settings: {cache_responses: true, cache_kwargs: {type: redis, host: h}}"
    found, told = read(text)
    assert told == ""
    assert found.redis is not None
    assert found.redis.host == "h"


def test_our_own_keys_say_who_shares_and_how_much_is_kept() -> None:
    found, told = read(
        "headgate_settings: {cache_scope: all, cache_pacing: true, join_calls: false,"
        " cache_memory_mb: 3, cache_max_reply_mb: 2, idempotency_ttl: 10,"
        " resumable_streams: true, resume_ttl: 20, resume_grace: 0}"
    )
    policy = found.policy
    assert told == ""
    assert (policy.enabled, policy.scope, policy.pacing, policy.join) == (False, "all", True, False)
    assert (found.memory_bytes, found.largest) == (3 << 20, 2 << 20)
    assert (policy.idempotency_ttl, policy.resumable) == (10.0, True)
    assert (policy.resume_ttl, policy.resume_grace) == (20.0, 0.0)


def test_a_scope_that_is_none_is_an_error() -> None:
    assert 'expected "key", "team" or "all"' in read("headgate_settings: {cache_scope: us}")[1]
