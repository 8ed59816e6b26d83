"""An outage is told once, and its end."""

from __future__ import annotations

from pipelines.errors import UpstreamFailed
from pipelines.routing.health import Health, Rest
from proxy.alerts.alert import Alert
from proxy.alerts.outages import LASTING, Outages
from tests.builders import a_deployment

NOW = 1000.0
ONE, TWO = a_deployment("a", "gpt"), a_deployment("b", "gpt")


def rested(health: Health, *ids: str, at: float = NOW, seconds: float = 30.0) -> None:
    for id in ids:
        health.rested(id, Rest(at + seconds, "5 failures in a row: marked", seconds))


def events(alerts: list[Alert]) -> list[str]:
    return [f"{one.event} {one.about.get('deployment', one.about['model'])}" for one in alerts]


def test_a_short_rest_is_no_outage() -> None:
    health = Health()
    outages = Outages(health, 600.0)
    assert list(outages.alerts([ONE, TWO], NOW)) == []
    rested(health, "a")
    found = list(outages.alerts([ONE, TWO], NOW))
    assert events(found) == ["cooldown_deployment a"]
    assert "5 failures in a row" in found[0].message
    assert "marked" not in found[0].message
    health.woken("a", NOW + 10)
    assert list(outages.alerts([ONE, TWO], NOW + 10)) == []


def test_one_that_does_not_come_back_is_down_and_then_well_again() -> None:
    health = Health()
    outages = Outages(health, 600.0)
    rested(health, "a", seconds=300.0)
    list(outages.alerts([ONE, TWO], NOW))
    assert events(list(outages.alerts([ONE, TWO], NOW + LASTING))) == ["outage a"]
    assert list(outages.alerts([ONE, TWO], NOW + LASTING + 5)) == []
    # Its rest is over, and nothing shows yet that it answers.
    assert list(outages.alerts([ONE, TWO], NOW + 301)) == []
    health.succeeded(ONE, NOW + 302)
    found = list(outages.alerts([ONE, TWO], NOW + 303))
    assert events(found) == ["deployment_recovered a"]
    assert "after 303s" in found[0].message


def test_a_model_without_any_deployment_is_told_at_once() -> None:
    health = Health()
    outages = Outages(health, 600.0)
    rested(health, "a", "b")
    found = list(outages.alerts([ONE, TWO], NOW))
    assert events(found)[-1] == "model_outage gpt"
    assert found[-1].level == "High"
    assert list(outages.alerts([ONE, TWO], NOW + 5)) == []
    health.succeeded(TWO, NOW + 31)
    assert events(list(outages.alerts([ONE, TWO], NOW + 31))) == ["model_recovered gpt"]


def test_a_fresh_failure_keeps_it_down() -> None:
    health = Health()
    outages = Outages(health, 600.0)
    rested(health, "a", seconds=70.0)
    list(outages.alerts([ONE, TWO], NOW))
    list(outages.alerts([ONE, TWO], NOW + 61))
    health.succeeded(ONE, NOW + 71)
    health.failed(ONE, UpstreamFailed("no"), NOW + 71, alone=False)
    assert list(outages.alerts([ONE, TWO], NOW + 72)) == []


def test_a_deployment_that_is_gone_is_forgotten() -> None:
    health = Health()
    outages = Outages(health, 600.0)
    rested(health, "a", "b")
    list(outages.alerts([ONE, TWO], NOW))
    assert list(outages.alerts([], NOW + 61)) == []
