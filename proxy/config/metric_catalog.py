"""Every metric that this gateway shows: its name, its kind, its labels, and what it says.

The rule: a name that LiteLLM has means what it means there and has its labels; what cannot be
filled honestly is not listed. A name is without the `_total` that counters get when they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["counter", "histogram", "gauge"]
Merge = Literal["sum", "max", "min"]

# As LiteLLM, in seconds.
LATENCY_BUCKETS = (
    *(0.005, 0.00625, 0.0125, 0.025, 0.05, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0),
    *(5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5, 10.0, 15.0, 20.0, 25.0, 30.0, 60.0, 120.0),
    *(180.0, 240.0, 300.0, 600.0),
)
OVERHEAD_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
PACE_BUCKETS = (1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 150.0, 200.0, 400.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `merge` says how what several processes measure becomes one value; `buckets` are
    those of a histogram, empty where the operator chooses them; what is counted in smaller units,
    so that sums are exact, is divided by `unit` where it is shown."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    merge: Merge = "sum"
    buckets: tuple[float, ...] = ()
    unit: float = 1.0

    @property
    def shown(self) -> str:
        """The name in the text that Prometheus reads."""
        ends = self.kind != "counter" or self.name.endswith("_total")
        return self.name if ends else f"{self.name}_total"


_KEY = ("hashed_api_key", "api_key_alias")
_TEAM = ("team", "team_alias")
_CALLER = ("end_user", *_KEY, "requested_model", *_TEAM, "user")
_SERVED = ("model_id", "api_provider")
_CLIENT = ("client_ip", "user_agent")
_LATENCY = ("model_group", "model", *_KEY, *_TEAM, "requested_model", "end_user", "user", *_SERVED)
_COUNTED = ("end_user", *_KEY, "model", *_TEAM, "user", "user_email")
_TOKENS = (*_COUNTED, "requested_model", *_SERVED)
_CACHE = ("model", *_KEY, *_TEAM, "end_user", "user", *_SERVED)
_PLACE = ("litellm_model_name", "model_id", "api_base", "api_provider")
_TRIED = ("model_group", "requested_model", *_PLACE)
_OVERHEAD = ("model_group", "api_provider", "api_base", "litellm_model_name", *_KEY, "model_id")
_FAULT = ("exception_status", "exception_class")
_FALLBACK = ("requested_model", "fallback_model", *_KEY, *_TEAM, *_FAULT, "model_id")
_ORG = ("org_id", "org_alias")


def _counter(name: str, help: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(name, "counter", help, labels)


def _seconds(name: str, help: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(name, "histogram", help, labels)


def _gauge(name: str, help: str, labels: tuple[str, ...] = (), merge: Merge = "sum") -> Metric:
    return Metric(name, "gauge", help, labels, merge)


def _money(bearer: str, of: str, labels: tuple[str, ...]) -> tuple[Metric, ...]:
    return (
        _gauge(
            f"litellm_remaining_{of}_budget_metric",
            f"US dollars left of the budget of {bearer} of late callers",
            labels,
            "min",
        ),
        _gauge(
            f"litellm_{of}_max_budget_metric",
            f"The budget of {bearer}, in US dollars",
            labels,
            "max",
        ),
        _gauge(
            f"litellm_{of}_budget_remaining_hours_metric",
            f"Hours until the budget of {bearer} begins anew",
            labels,
            "max",
        ),
    )


def _limits(of: str, bearer: str, labels: tuple[str, ...]) -> tuple[Metric, ...]:
    labels = (*labels, "rate_limit_type")
    return (
        _gauge(
            f"litellm_{of}_rate_limit_allowed_metric",
            f"Requests or tokens that {bearer} may use in a minute",
            labels,
            "max",
        ),
        _gauge(
            f"litellm_{of}_rate_limit_used_metric",
            f"Requests or tokens that {bearer} has used of late",
            labels,
            "max",
        ),
    )


LITELLM = (
    _counter(
        "litellm_proxy_total_requests_metric",
        "All calls, by what the client saw",
        (*_CALLER, "status_code", "user_email", "route", *_CLIENT, *_SERVED),
    ),
    _counter(
        "litellm_proxy_failed_requests_metric",
        "Calls whose client got no good answer",
        (*_CALLER, "user_email", *_FAULT, "route", *_CLIENT, *_SERVED),
    ),
    _seconds(
        "litellm_request_total_latency_metric",
        "Seconds from a call's arrival to the end of its answer",
        ("model_group", *_CALLER, "model", *_SERVED, "service_tier"),
    ),
    _seconds(
        "litellm_llm_api_latency_metric",
        "Seconds that the provider took for its answer",
        (*_LATENCY, "service_tier"),
    ),
    _seconds(
        "litellm_llm_api_time_to_first_token_metric",
        "Seconds until the provider's stream began",
        (*_LATENCY, "service_tier"),
    ),
    _seconds("litellm_overhead_latency_metric", "Seconds that the gateway itself took", _OVERHEAD),
    _counter(
        "litellm_requests_metric",
        "Calls that were answered well",
        (*_COUNTED, *_CLIENT, "requested_model", *_SERVED),
    ),
    Metric(
        "litellm_spend_metric",
        "counter",
        "US dollars spent",
        (*_COUNTED, *_CLIENT, "requested_model", *_SERVED, "service_tier"),
        unit=1e9,
    ),
    _counter("litellm_total_tokens_metric", "Tokens of prompts and answers", _TOKENS),
    _counter("litellm_input_tokens_metric", "Tokens of prompts", _TOKENS),
    _counter("litellm_output_tokens_metric", "Tokens of answers", _TOKENS),
    _counter(
        "litellm_input_cached_tokens_metric",
        "Tokens of prompts that the provider knew already",
        _TOKENS,
    ),
    _counter(
        "litellm_input_cache_creation_tokens_metric",
        "Tokens of prompts that the provider wrote into its cache",
        _TOKENS,
    ),
    _counter("litellm_input_audio_tokens_metric", "Tokens of audio in prompts", _TOKENS),
    _counter("litellm_output_reasoning_tokens_metric", "Tokens of reasoning in answers", _TOKENS),
    _counter("litellm_output_audio_tokens_metric", "Tokens of audio in answers", _TOKENS),
    _counter("litellm_images_generated_metric", "Images that were made", _TOKENS),
    _seconds(
        "litellm_deployment_latency_per_output_token",
        "Seconds a token of answers",
        ("model_group", *_PLACE, *_KEY, *_TEAM),
    ),
    _counter(
        "litellm_deployment_total_requests",
        "Attempts with a deployment",
        (*_TRIED, *_KEY, *_TEAM, *_CLIENT),
    ),
    _counter(
        "litellm_deployment_success_responses",
        "Attempts that went well",
        (*_TRIED, *_KEY, *_TEAM, *_CLIENT),
    ),
    _counter(
        "litellm_deployment_failure_responses",
        "Attempts that failed",
        (*_TRIED, *_FAULT, *_KEY, *_TEAM, *_CLIENT),
    ),
    _counter(
        "litellm_deployment_successful_fallbacks", "Calls that another model answered", _FALLBACK
    ),
    _counter(
        "litellm_deployment_failed_fallbacks", "Calls that no other model could answer", _FALLBACK
    ),
    _counter(
        "litellm_llm_api_failed_requests_metric",
        "Calls that failed at the provider",
        ("end_user", *_KEY, "model", *_TEAM, "user", "model_id"),
    ),
    _counter("litellm_cache_hits_metric", "Calls that the cache answered", _CACHE),
    _counter("litellm_cache_misses_metric", "Calls that the cache could have answered", _CACHE),
    _counter("litellm_cached_tokens_metric", "Tokens of answers from the cache", _CACHE),
    _counter(
        "litellm_provider_cache_read_input_tokens_metric",
        "Tokens that were read from the provider's cache",
        _CACHE,
    ),
    _counter(
        "litellm_provider_cache_creation_input_tokens_metric",
        "Tokens that were written into the provider's cache",
        _CACHE,
    ),
    _gauge("litellm_deployment_state", "0: well, 1: failed of late, 2: rests", _PLACE, "max"),
    _counter(
        "litellm_deployment_cooled_down",
        "Rests of a deployment that began",
        (*_PLACE, "exception_status"),
    ),
    _gauge(
        "litellm_deployment_tpm_limit",
        "Tokens a minute of a deployment",
        ("model_group", *_PLACE),
        "max",
    ),
    _gauge(
        "litellm_deployment_rpm_limit",
        "Requests a minute of a deployment",
        ("model_group", *_PLACE),
        "max",
    ),
    _counter(
        "litellm_callback_logging_failures_metric",
        "Records that an exporter could not hand over",
        ("callback_name",),
    ),
    _gauge("litellm_in_flight_requests", "Calls that run now"),
    *_money("a team", "team", _TEAM),
    *_money("an organization", "org", _ORG),
    *_money("a key", "api_key", _KEY),
    *_money("a user", "user", ("user",)),
    *_money("an end user", "customer", ("end_user",)),
    *_limits("api_key", "a key", _KEY),
    *_limits("team", "a team", _TEAM),
    _gauge(
        "litellm_remaining_api_key_requests_for_model",
        "Requests that a key may still make with a model in this minute",
        (*_KEY, "model"),
        "min",
    ),
    _gauge(
        "litellm_remaining_api_key_tokens_for_model",
        "Tokens that a key may still use of a model in this minute",
        (*_KEY, "model"),
        "min",
    ),
)

HEADGATE = (
    _gauge("headgate_workers", "Processes whose figures are added up here"),
    _gauge("headgate_build_info", "1 for each version that runs", ("version",)),
    _counter(
        "headgate_requests_total",
        "All calls, by what became of them",
        ("route", "outcome", "stream"),
    ),
    Metric(
        "headgate_overhead_seconds",
        "histogram",
        "Seconds that the gateway itself took",
        ("route",),
        buckets=OVERHEAD_BUCKETS,
    ),
    _seconds(
        "headgate_time_to_first_token_seconds",
        "Seconds from a call's arrival to the first byte of its stream",
        ("model", "api_provider"),
    ),
    Metric(
        "headgate_tokens_per_second",
        "histogram",
        "Tokens a second of streams once they run",
        ("model", "api_provider"),
        buckets=PACE_BUCKETS,
    ),
    _counter("headgate_cache_requests_total", "Calls by what the cache had to say", ("cache",)),
    _counter(
        "headgate_unpriced_requests_total",
        "Calls that were answered, at an unknown price",
        ("model", "api_provider"),
    ),
    _counter(
        "headgate_estimated_usage_total",
        "Calls whose usage no provider reported",
        ("model", "api_provider"),
    ),
    _counter("headgate_received_bytes_total", "Bytes of the clients' bodies", ("route",)),
    _counter("headgate_sent_bytes_total", "Bytes of answers to clients", ("route",)),
    _counter(
        "headgate_retries_total", "Attempts after the first one, by what they were", ("kind",)
    ),
    _gauge("headgate_open_calls", "Calls that run now"),
    _gauge("headgate_open_streams", "Streams that have begun and not ended"),
    _gauge("headgate_recordings", "Recordings of replies in memory"),
    _gauge("headgate_recordings_bytes", "Bytes of the recordings in memory"),
    _gauge(
        "headgate_event_loop_lag_seconds",
        "The longest wait of the event loop within the last ten seconds",
        (),
        "max",
    ),
    _gauge("headgate_background_tasks", "Tasks that no call waits for"),
    _gauge(
        "headgate_retry_budget_remaining", "Retries that could be paid for now", ("model_group",)
    ),
    _gauge("headgate_holds", "Sums that are held for calls under way"),
    _gauge("headgate_spool_depth", "Records that are not in the database yet"),
    _gauge(
        "headgate_spool_age_seconds",
        "Age of the oldest record that is not in the database",
        (),
        "max",
    ),
    _gauge("headgate_spool_bytes", "Bytes of the spool on the disk"),
    _counter("headgate_records_lost_total", "Records that found no room", ("sink",)),
    _gauge("headgate_store_breaker_open", "1 while a store is left alone", ("store",), "max"),
    _counter("headgate_exported_total", "Records that an exporter has handed over", ("exporter",)),
    _gauge("headgate_exporter_queue", "Records that wait for an exporter", ("exporter",)),
    _counter(
        "headgate_dropped_labels_total", "Label sets that were put under `other`", ("metric",)
    ),
    _counter("process_cpu_seconds_total", "Seconds of processor time"),
    _gauge("process_resident_memory_bytes", "Resident memory"),
    _gauge("process_open_fds", "Open file descriptors"),
    _gauge("process_start_time_seconds", "When the process began, since 1970", (), "min"),
)

METRICS: Mapping[str, Metric] = MappingProxyType({one.name: one for one in (*LITELLM, *HEADGATE)})
