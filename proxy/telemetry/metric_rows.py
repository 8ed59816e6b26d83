"""Where the numbers of one kind of call stand.

The rule: looked up once for all calls that differ in nothing that is shown; a metric that such a
call has no part in gets no series.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.config.metric_catalog import OVERHEAD_BUCKETS, PACE_BUCKETS
from proxy.telemetry.metric_families import Families

COUNTED = MappingProxyType(
    {
        "total": "litellm_proxy_total_requests_metric",
        "outcome": "headgate_requests_total",
        "cache": "headgate_cache_requests_total",
        "received": "headgate_received_bytes_total",
        "sent": "headgate_sent_bytes_total",
        "failed": "litellm_proxy_failed_requests_metric",
        "overhead": "litellm_overhead_latency_metric",
        "own_overhead": "headgate_overhead_seconds",
        "own_first_token": "headgate_time_to_first_token_seconds",
        "own_pace": "headgate_tokens_per_second",
        "requests": "litellm_requests_metric",
        "latency": "litellm_request_total_latency_metric",
        "llm_latency": "litellm_llm_api_latency_metric",
        "first_token": "litellm_llm_api_time_to_first_token_metric",
        "pace": "litellm_deployment_latency_per_output_token",
        "hits": "litellm_cache_hits_metric",
        "misses": "litellm_cache_misses_metric",
        "tokens_from_cache": "litellm_cached_tokens_metric",
        "spend": "litellm_spend_metric",
        "unpriced": "headgate_unpriced_requests_total",
        "estimated": "headgate_estimated_usage_total",
        "input": "litellm_input_tokens_metric",
        "output": "litellm_output_tokens_metric",
        "tokens": "litellm_total_tokens_metric",
        "input_cached": "litellm_input_cached_tokens_metric",
        "input_written": "litellm_input_cache_creation_tokens_metric",
        "provider_read": "litellm_provider_cache_read_input_tokens_metric",
        "provider_written": "litellm_provider_cache_creation_input_tokens_metric",
        "reasoning": "litellm_output_reasoning_tokens_metric",
        "audio_in": "litellm_input_audio_tokens_metric",
        "audio_out": "litellm_output_audio_tokens_metric",
        "images": "litellm_images_generated_metric",
        "tried": "litellm_deployment_total_requests",
        "served": "litellm_deployment_success_responses",
    }
)


class Row:
    """The places of such a call's numbers, by the names of `COUNTED`; `values` are its labels, and
    `tries` the places of its attempts that were not the only one."""

    def __init__(
        self, families: Families, values: Mapping[str, str], buckets: tuple[float, ...]
    ) -> None:
        self._families = families
        self.values = values
        self.tries: dict[tuple[object, ...], int] = {}
        self.buckets = buckets
        self.overhead_buckets = OVERHEAD_BUCKETS
        self.pace_buckets = PACE_BUCKETS

    def __getattr__(self, name: str) -> int:
        # Only what was never asked for comes here; from then on it is a plain attribute.
        try:
            metric = COUNTED[name]
        except KeyError:
            raise AttributeError(name) from None
        place = self._families.at(metric, self.values)
        self.__dict__[name] = place
        return place
