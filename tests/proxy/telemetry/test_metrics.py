"""What is counted of a call."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.record import AttemptRecord, Record
from pipelines.routing.routes import Routes
from pipelines.usage import Usage
from proxy.config.metering import MetricSettings
from proxy.telemetry.metric_cells import Cells
from proxy.telemetry.metric_families import Families
from proxy.telemetry.metrics import MOST_ROWS, Metrics
from tests.architecture.tree import ROOT
from tests.builders import a_deployment
from tests.proxy.telemetry.test_metric_families import samples

OK = Record(
    id="call-1",
    operation="chat",
    outcome="ok",
    status=200,
    duration=1.5,
    key="alice",
    model="gpt",
    deployment="d1",
    provider="acme",
    upstream_model="gpt-9",
    streaming=True,
    usage=Usage(7, 20, cached_tokens=3, cache_write_tokens=2, reasoning_tokens=5, images=1),
    cost=1_000_000,
    first_byte=0.5,
    attempts=(AttemptRecord("d1", 1.2, first_byte=0.4, provider="acme", model="gpt-9"),),
    key_id="k1",
    key_digest="digest",
    user_id="u1",
    user_email="u1@acme.example",
    team_id="t1",
    team_alias="Reds",
    end_user="customer",
    cache="miss",
    route="/v1/chat/completions",
    requested_model="gpt",
    model_group="gpt",
    overhead=0.002,
    received_bytes=100,
    sent_bytes=1000,
    client="192.0.2.1",
    user_agent="curl/8",
    tags=("prod", "team:red"),
    metadata={"app": {"name": "shop"}, "count": 3},
)
FAILED = AttemptRecord(
    "d1", 0.3, "too busy", code="429", provider="acme", model="gpt-9", error_class="Overloaded",
    provider_status=429,
)  # fmt: skip
ONE_PROCESS = 3_000
# Puts so many records of two kinds, a part of which failed.
PUTS = """
import sys
from dataclasses import replace
from pathlib import Path
from proxy.config.metering import MetricSettings
from pipelines.routing.routes import Routes
from proxy.telemetry.metric_cells import Cells
from proxy.telemetry.metric_families import Families
from proxy.telemetry.metrics import Metrics
from tests.proxy.telemetry.test_metrics import OK, put_many
cells = Cells(Path(sys.argv[1]), "s")
put_many(Metrics(Families(MetricSettings(), cells), MetricSettings(), Routes(())), int(sys.argv[2]))
print("done", flush=True)
sys.stdin.read()
"""


def put_many(metrics: Metrics, count: int) -> None:
    for number in range(count):
        metrics.put(
            replace(OK, duration=number % 7, cost=number * 1001, key_digest=f"k{number % 5}")
        )


class Counting:
    """Metrics, and what they show."""

    def __init__(self, **settings: Any) -> None:
        given = MetricSettings(**settings)
        self.families = Families(given, Cells())
        self.metrics = Metrics(self.families, given, Routes((a_deployment("d1"),)))

    def put(self, *records: Record) -> Counting:
        for record in records:
            self.metrics.put(record)
        return self

    def values(self) -> dict[str, float]:
        """The sum over all series of each sample."""
        return {
            name: sum(value for _, value in found) for name, found in samples(self.families).items()
        }

    def labels(self, name: str) -> dict[str, str]:
        ((labels, _),) = samples(self.families)[name]
        return {label: value for label, value in labels.items() if value != "None"}


def test_a_call_that_went_well_is_counted_everywhere() -> None:
    values = Counting().put(OK, OK).values()
    expected = {
        "litellm_proxy_total_requests_metric_total": 2.0,
        "litellm_requests_metric_total": 2.0,
        "litellm_spend_metric_total": 0.002,
        "litellm_input_tokens_metric_total": 14.0,
        "litellm_output_tokens_metric_total": 40.0,
        "litellm_total_tokens_metric_total": 54.0,
        "litellm_input_cached_tokens_metric_total": 6.0,
        "litellm_input_cache_creation_tokens_metric_total": 4.0,
        "litellm_output_reasoning_tokens_metric_total": 10.0,
        "litellm_images_generated_metric_total": 2.0,
        "litellm_cache_misses_metric_total": 2.0,
        "litellm_deployment_total_requests_total": 2.0,
        "litellm_deployment_success_responses_total": 2.0,
        "litellm_request_total_latency_metric_sum": 3.0,
        "litellm_llm_api_latency_metric_sum": 2.4,
        "litellm_llm_api_time_to_first_token_metric_sum": 0.8,
        "litellm_deployment_latency_per_output_token_sum": 0.12,
        "litellm_overhead_latency_metric_sum": 0.004,
        "headgate_overhead_seconds_count": 2.0,
        "headgate_time_to_first_token_seconds_sum": 1.0,
        "headgate_tokens_per_second_sum": 40.0,
        "headgate_received_bytes_total": 200.0,
        "headgate_sent_bytes_total": 2000.0,
        "headgate_requests_total": 2.0,
    }
    assert {name: values[name] for name in expected} == expected
    assert "litellm_proxy_failed_requests_metric_total" not in values
    assert "litellm_deployment_failure_responses_total" not in values


def test_labels_say_who_called_what_and_who_served_it() -> None:
    labels = Counting().put(OK).labels("litellm_spend_metric_total")
    assert labels == {
        "hashed_api_key": "digest",
        "api_key_alias": "alice",
        "model": "gpt-9",
        "team": "t1",
        "team_alias": "Reds",
        "user": "u1",
        "user_email": "u1@acme.example",
        "requested_model": "gpt",
        "model_id": "d1",
        "api_provider": "acme",
    }


def test_end_users_and_clients_are_told_apart_on_request_alone() -> None:
    name = "litellm_proxy_total_requests_metric"
    assert (
        not {"end_user", "client_ip", "user_agent"}
        & Counting().put(OK).labels(f"{name}_total").keys()
    )
    labels = (
        Counting(end_users=True, labels={name: frozenset({"end_user", "client_ip", "user_agent"})})
        .put(OK)
        .labels(f"{name}_total")
    )
    assert labels == {"end_user": "customer", "client_ip": "192.0.2.1", "user_agent": "curl/8"}


def test_calls_that_differ_in_what_is_shown_are_counted_apart() -> None:
    counting = Counting(tags={"tag_prod": "prod", "tag_team": "team:*"}, stream=True)
    counting.put(OK, replace(OK, tags=()), replace(OK, streaming=False))
    found = samples(counting.families)["litellm_proxy_total_requests_metric_total"]
    assert [(one["tag_prod"], one["tag_team"], one["stream"]) for one, _ in found] == [
        ("true", "true", "True"),
        ("false", "false", "True"),
        ("true", "true", "False"),
    ]


def test_the_clients_metadata_may_be_labels() -> None:
    paths = {"metadata_app_name": "app.name", "metadata_count": "count", "metadata_no": "app.no.x"}
    labels = Counting(metadata=paths).put(OK).labels("litellm_requests_metric_total")
    assert labels["metadata_app_name"] == "shop"
    assert not {"metadata_count", "metadata_no"} & labels.keys()


def test_a_refused_call_names_no_model_that_a_client_made_up() -> None:
    refused = replace(
        OK, outcome="refused", status=404, requested_model="made-up", deployment=None,
        provider=None, upstream_model=None, attempts=(), usage=Usage(), cost=None, model="made-up",
        error_class="UnknownModel", model_group=None,
    )  # fmt: skip
    counting = Counting().put(refused)
    labels = counting.labels("litellm_proxy_failed_requests_metric_total")
    assert labels["requested_model"] == "other"
    assert (labels["exception_status"], labels["exception_class"]) == ("404", "UnknownModel")
    assert "litellm_requests_metric_total" not in counting.values()
    known = replace(refused, requested_model="gpt", status=429, error_class="RateLimited")
    name = "litellm_proxy_failed_requests_metric_total"
    assert Counting().put(known).labels(name)["requested_model"] == "gpt"


def test_attempts_that_failed_are_counted_with_their_deployment() -> None:
    well = replace(OK.attempts[0], deployment="d2", kind="fallback")
    counting = Counting().put(replace(OK, attempts=(FAILED, well), fallbacks=1, deployment="d2"))
    values = counting.values()
    assert values["litellm_deployment_total_requests_total"] == 2
    assert values["litellm_deployment_success_responses_total"] == 1
    assert values["headgate_retries_total"] == 1
    assert values["litellm_deployment_successful_fallbacks_total"] == 1
    assert "litellm_llm_api_failed_requests_metric_total" not in values
    labels = counting.labels("litellm_deployment_failure_responses_total")
    assert (labels["model_id"], labels["api_base"]) == ("d1", "https://acme.example/v1")
    assert (labels["exception_status"], labels["exception_class"]) == ("429", "Overloaded")


def test_a_call_that_failed_at_the_provider_is_one() -> None:
    counting = Counting().put(replace(OK, outcome="failed", status=502, attempts=(FAILED,)))
    values = counting.values()
    assert values["litellm_llm_api_failed_requests_metric_total"] == 1
    assert values["litellm_proxy_failed_requests_metric_total"] == 1
    assert "litellm_deployment_success_responses_total" not in values


def test_a_client_that_left_is_no_failure_and_pays() -> None:
    values = Counting().put(replace(OK, outcome="client_gone", status=499)).values()
    assert values["litellm_proxy_total_requests_metric_total"] == 1
    assert values["litellm_spend_metric_total"] == 0.001
    assert "litellm_proxy_failed_requests_metric_total" not in values
    assert "litellm_deployment_failure_responses_total" not in values


def test_a_call_from_the_cache_asked_nobody() -> None:
    hit = replace(OK, cache="hit", attempts=(), cost=0, deployment=None, provider=None)
    values = Counting().put(hit, replace(hit, cache="joined")).values()
    assert values["litellm_cache_hits_metric_total"] == 2
    assert values["litellm_cached_tokens_metric_total"] == 54
    assert "litellm_llm_api_latency_metric_count" not in values
    assert "litellm_cache_misses_metric_total" not in values


def test_what_has_no_price_and_no_usage_is_told() -> None:
    free = replace(OK, cost=None, usage=Usage(7, 9, estimated=True))
    values = Counting().put(free).values()
    assert values["headgate_unpriced_requests_total"] == 1
    assert values["headgate_estimated_usage_total"] == 1
    assert "litellm_spend_metric_total" not in values


def test_a_copy_of_a_call_is_no_call_and_costs() -> None:
    values = Counting().put(replace(OK, mirror_of="call-1", key="mirror")).values()
    assert "litellm_proxy_total_requests_metric_total" not in values
    assert values["litellm_spend_metric_total"] == 0.001
    assert values["litellm_deployment_success_responses_total"] == 1


def test_what_is_remembered_of_calls_is_bounded() -> None:
    counting = Counting(most=50)
    for number in range(MOST_ROWS + 200):
        counting.put(replace(OK, user_id=f"u{number}"))
    assert len(counting.metrics._rows) == MOST_ROWS
    values = counting.values()
    assert values["litellm_proxy_total_requests_metric_total"] == MOST_ROWS + 200
    assert round(values["litellm_spend_metric_total"], 6) == (MOST_ROWS + 200) / 1000


def test_two_processes_show_the_totals_of_one(tmp_path: Path) -> None:
    alone = Counting()
    put_many(alone.metrics, ONE_PROCESS)
    put_many(alone.metrics, ONE_PROCESS)
    arguments = [sys.executable, "-c", PUTS, str(tmp_path), str(ONE_PROCESS)]
    both = [
        subprocess.Popen(
            arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == "done\n"
    third = Families(MetricSettings(), Cells(tmp_path, "s"))
    for one in both:
        one.communicate()
    found, expected = samples(third), samples(alone.families)
    assert found.keys() == expected.keys()
    for name, series in expected.items():
        rounded = {tuple(labels.items()): round(value, 6) for labels, value in found[name]}
        assert rounded == {tuple(labels.items()): round(value, 6) for labels, value in series}
    third.cells.close()


def test_a_call_costs_a_few_microseconds() -> None:
    counting = Counting().put(OK)
    best = min(_cost(counting) for _ in range(5))
    # Five on an idle machine.
    assert best < 40e-6


def _cost(counting: Counting) -> float:
    start = time.thread_time()
    for _ in range(1000):
        counting.metrics.put(OK)
    return (time.thread_time() - start) / 1000
