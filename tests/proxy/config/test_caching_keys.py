"""The keys of the cache are LiteLLM's."""

from __future__ import annotations

from pipelines.cache_policy import CACHEABLE
from proxy.config.caching_keys import CALL_TYPES, OF_OTHERS, CacheParams


def test_every_kind_of_call_is_one_that_can_be_cached() -> None:
    assert frozenset().union(*CALL_TYPES.values()) <= CACHEABLE


def test_no_key_is_both_used_and_told_as_another_kinds() -> None:
    assert OF_OTHERS.isdisjoint(CacheParams.model_fields)
