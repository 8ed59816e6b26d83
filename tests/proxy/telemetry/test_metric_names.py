"""LiteLLM's names and labels, and what of them this gateway does not fill, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from proxy.config.metric_catalog import METRICS
from tests.architecture.tree import ROOT

CONTRACT: Mapping[str, list[str]] = json.loads(
    (ROOT / "tests/golden/metrics/litellm.json").read_text("utf-8")
)

NO_GUARDRAILS = "guardrails are not built"
NO_PROJECTS = "LiteLLM's projects are not built"
NO_MANAGED = "managed files and batches are not built"
NO_QUEUE = "spending is written by the ledger at once; there is no such queue"
NO_MCP = "MCP servers are not built"
NOT_FILLED: Mapping[str, str] = MappingProxyType(
    {
        "litellm_request_queue_time_seconds": "a call is not queued before it is read; waits for a"
        " rate or a slot are part of the overhead",
        "litellm_guardrail_latency_seconds": NO_GUARDRAILS,
        "litellm_guardrail_errors_total": NO_GUARDRAILS,
        "litellm_guardrail_requests_total": NO_GUARDRAILS,
        "litellm_overhead_with_guardrails_latency_metric": NO_GUARDRAILS,
        "litellm_remaining_requests_metric": "what providers say of their limits is not read",
        "litellm_remaining_tokens_metric": "what providers say of their limits is not read",
        "litellm_zero_cost_requests_total": "a price is known or it is not: see"
        " headgate_unpriced_requests_total",
        "litellm_spend_capture_rate": "no provider's bill is read",
        "litellm_video_duration_seconds_metric": "there is no operation that makes videos",
        "litellm_team_members_metric": "members are read when one of them calls, never all of them",
        "litellm_project_model_rate_limit_allowed_metric": NO_PROJECTS,
        "litellm_project_model_rate_limit_used_metric": NO_PROJECTS,
        "litellm_pod_lock_manager_size": "no job needs a lock over all pods",
        "litellm_in_memory_daily_spend_update_queue_size": NO_QUEUE,
        "litellm_redis_daily_spend_update_queue_size": NO_QUEUE,
        "litellm_in_memory_spend_update_queue_size": NO_QUEUE,
        "litellm_redis_spend_update_queue_size": NO_QUEUE,
        "litellm_managed_batch_created_total": NO_MANAGED,
        "litellm_managed_file_size_bytes": NO_MANAGED,
        "litellm_managed_batch_duration_seconds": NO_MANAGED,
        "litellm_managed_file_created_total": NO_MANAGED,
        "litellm_managed_file_deleted_total": NO_MANAGED,
        "litellm_check_batch_cost_jobs_polled": NO_MANAGED,
        "litellm_check_batch_cost_jobs_processed_total": NO_MANAGED,
        "litellm_check_batch_cost_errors_total": NO_MANAGED,
        "litellm_check_batch_cost_last_run_timestamp": NO_MANAGED,
        "litellm_mcp_tool_calls_total": NO_MCP,
        "litellm_mcp_tool_call_spend_metric": NO_MCP,
    }
)


def test_every_name_of_litellms_is_shown_or_has_a_reason_not_to_be() -> None:
    shown = CONTRACT.keys() & METRICS.keys()
    assert sorted(CONTRACT.keys() - shown) == sorted(NOT_FILLED)


def test_what_is_shown_has_litellms_labels() -> None:
    for name in CONTRACT.keys() & METRICS.keys():
        assert sorted(METRICS[name].labels) == sorted(CONTRACT[name]), name


def test_nothing_is_named_as_litellms_that_is_not() -> None:
    # The contract lists this one apart.
    ours = {name for name in METRICS if name.startswith("litellm_")}
    assert ours - CONTRACT.keys() == {"litellm_in_flight_requests"}
