"""What is shown and watched of the gateway is what there is to be seen."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from proxy.config.metric_catalog import METRICS
from tests.architecture.tables import code, table
from tests.architecture.tree import ROOT

DASHBOARD = ROOT / "deploy/grafana/headgate.json"
RULES = ROOT / "deploy/prometheus/headgate-alerts.yaml"
SCRAPE = ROOT / "deploy/prometheus/scrape.yaml"

_NAME = re.compile(r"\b(?:litellm|headgate|process)_\w+")
_SELECTOR = re.compile(r"\{[^}]*\}")
_BY = re.compile(r"\b(?:by|ignoring|on)\s*\(([^)]*)\)")
# Prometheus puts these on every series by itself.
_PROMETHEUS_OWN = frozenset({"job", "instance", "le"})


def samples() -> frozenset[str]:
    """Every name that stands on a line of `/metrics`."""
    found: set[str] = set()
    for metric in METRICS.values():
        ends = ("_bucket", "_count", "_sum") if metric.kind == "histogram" else ("",)
        found.update(f"{metric.shown}{end}" for end in ends)
    return frozenset(found)


def labels() -> frozenset[str]:
    """Every label that a metric has."""
    return frozenset(label for metric in METRICS.values() for label in metric.labels)


def unknown(expression: str) -> Iterator[str]:
    """Every metric and every label of an expression that there is not."""
    bare = _BY.sub("", _SELECTOR.sub("", expression))
    yield from set(_NAME.findall(bare)) - samples()
    given = {one.strip() for part in _BY.findall(expression) for one in part.split(",")}
    given |= set(re.findall(r"(\w+)\s*[=!]~?\"", expression))
    yield from given - labels() - _PROMETHEUS_OWN


def expressions() -> Iterator[str]:
    """Every expression of the dashboard and of the rules."""
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def rules() -> list[Any]:
    """All rules for alerts."""
    return [
        rule
        for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]


def test_every_metric_that_is_shown_or_watched_there_is() -> None:
    found = list(expressions())
    assert len(found) > 40
    assert {one: list(unknown(one)) for one in found if any(unknown(one))} == {}


def test_what_there_is_not_is_found() -> None:
    assert list(unknown("sum(headgate_nonsense)")) == ["headgate_nonsense"]
    assert list(unknown('sum by (model) (litellm_spend_metric{team="x"})')) == [
        "litellm_spend_metric"
    ]
    assert list(unknown("sum by (nonsense) (headgate_holds)")) == ["nonsense"]
    assert list(unknown('headgate_holds{nonsense=~"x"}')) == ["nonsense"]


def test_every_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("info", "warning", "critical"), rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)


def test_the_example_of_a_scrape_reads_the_rules() -> None:
    assert yaml.safe_load(SCRAPE.read_text("utf-8"))["rule_files"] == [RULES.name]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_no_fault_with_the_rules() -> None:
    run = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_table_of_metrics_is_true() -> None:
    rows = {row["Metric"]: row for row in table("deploy/README.md", "Metrics")}
    assert rows == {
        code(metric.shown): {
            "Metric": code(metric.shown),
            "Kind": metric.kind,
            "Labels": ", ".join(metric.labels) or "–",
            "Meaning": metric.help,
        }
        for metric in METRICS.values()
    }
