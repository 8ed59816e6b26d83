"""LiteLLM's keys for metrics, and our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.metering import MOST, MetricSettings, label_name
from proxy.config.metric_catalog import LATENCY_BUCKETS, METRICS
from tests.proxy.config.builders import with_sections

TOTAL = "litellm_proxy_total_requests_metric"
SPEND = "litellm_spend_metric"


def test_without_a_word_all_metrics_are_shown_and_not_to_everybody() -> None:
    found = with_sections("").metering
    assert found == MetricSettings()
    assert not found.public
    assert all(found.shows(name) for name in METRICS)
    assert found.folder is None


def test_every_key_has_its_effect() -> None:
    found = with_sections(
        "litellm_settings:\n"
        "  require_auth_for_metrics_endpoint: false\n"
        "  enable_end_user_cost_tracking_prometheus_only: true\n"
        "  custom_prometheus_metadata_labels: [metadata.app.name, team]\n"
        "  custom_prometheus_tags: ['User-Agent: curl/*']\n"
        f"  prometheus_exclude_metrics: [{SPEND}]\n"
        "  prometheus_exclude_labels: [user_email]\n"
        "  prometheus_latency_buckets: [1, '0.5', 1]\n"
        "  prometheus_metrics_max_series_per_metric: 7\n"
        "  prometheus_end_user_metrics_max_series_per_metric: 8\n"
        "  prometheus_emit_stream_label: true\n"
        "headgate_settings: {metrics_token: scrape-me-please, metrics_dir: /run/metrics}"
    ).metering
    assert found == MetricSettings(
        public=True,
        end_users=True,
        metadata={"metadata_app_name": "app.name", "team": "team"},
        tags={"tag_User_Agent__curl__": "User-Agent: curl/*"},
        without=frozenset({SPEND}),
        without_labels=frozenset({"user_email"}),
        buckets=(0.5, 1.0),
        most=7,
        most_histograms=7,
        most_end_users=8,
        stream=True,
        token="scrape-me-please",
        folder=Path("/run/metrics"),
    )
    assert "scrape-me" not in repr(found)
    assert not found.shows(SPEND)
    labels = found.labels_of(METRICS[TOTAL])
    assert {"metadata_app_name", "tag_User_Agent__curl__", "stream"} <= set(labels)
    assert labels.count("team") == 1
    assert "user_email" not in labels
    assert "stream" not in found.labels_of(METRICS["litellm_requests_metric"])
    assert found.labels_of(METRICS["headgate_workers"]) == ()


def test_groups_choose_metrics_and_their_labels() -> None:
    settings = with_sections(
        "litellm_settings:\n"
        "  prometheus_metrics_config:\n"
        f"  - {{group: money, metrics: [{SPEND}], include_labels: [team, client_ip]}}\n"
        f"  - {{group: calls, metrics: [{TOTAL}, litellm_nonsense]}}\n"
        "  - nonsense"
    )
    found = settings.metering
    assert found.only == frozenset({SPEND, TOTAL})
    assert found.shows(TOTAL)
    assert not found.shows("litellm_requests_metric")
    assert found.shows("headgate_workers")
    assert found.labels_of(METRICS[SPEND]) == ("team", "client_ip")
    assert found.fills(METRICS[SPEND]) == {"team", "client_ip"}
    assert found.labels_of(METRICS[TOTAL]) == METRICS[TOTAL].labels
    assert not {"client_ip", "user_agent", "end_user"} & found.fills(METRICS[TOTAL])
    words = [problem.message for problem in settings.problems]
    assert [word for word in words if "litellm_nonsense" in word or "a group" in word] == [
        "litellm_nonsense is not shown here, and is left out",
        "expected a group with a list of metrics; left out",
    ]


@pytest.mark.parametrize("text", ["[a, b]", "[[1]]", "[inf]"])
def test_buckets_that_are_none_are_told(text: str) -> None:
    settings = with_sections(f"litellm_settings: {{prometheus_latency_buckets: {text}}}")
    assert settings.metering.buckets == LATENCY_BUCKETS
    assert any("list of seconds" in one.message for one in settings.problems)


def test_end_users_may_be_switched_off_again() -> None:
    text = (
        "litellm_settings: {enable_end_user_cost_tracking_prometheus_only: true,"
        " disable_end_user_cost_tracking_prometheus_only: true}"
    )
    found = with_sections(text).metering
    assert not found.end_users
    assert found.most == MOST


def test_processes_meet_where_they_share_their_files_or_where_litellms_do(tmp_path: Path) -> None:
    text = f"headgate_settings: {{shared_data: true, data_dir: {tmp_path}}}"
    assert with_sections(text).metering.folder == tmp_path / "metrics"
    given = with_sections("", env={"PROMETHEUS_MULTIPROC_DIR": "/prometheus"})
    assert given.metering.folder == Path("/prometheus")


def test_a_labels_name_is_one_that_prometheus_takes() -> None:
    assert label_name("metadata.a-b") == "metadata_a_b"
    assert label_name("1st") == "_1st"
    assert label_name("") == "_"
