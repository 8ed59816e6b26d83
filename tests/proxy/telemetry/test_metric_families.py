"""Which series a metric has, and how many."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from proxy.config.metering import MetricSettings
from proxy.telemetry.metric_cells import Cells
from proxy.telemetry.metric_families import SPARE, Families, escaped, observe
from proxy.telemetry.metric_text import pieces

SPEND = "litellm_spend_metric"
HITS = "litellm_cache_hits_metric"


def families(**settings: Any) -> Families:
    return Families(MetricSettings(**settings), Cells())


def samples(given: Families) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Every sample by its name, as Prometheus' own library reads it."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families("".join(pieces(given, list(given.cells.slots())))):
        for one in family.samples:
            found.setdefault(one.name, []).append((one.labels, one.value))
    return found


def test_the_same_labels_have_one_place() -> None:
    given = families()
    place = given.at(HITS, {"model": "m"})
    assert place > 0
    assert given.at(HITS, {"model": "m", "unknown": "x"}) == place
    assert given.at(HITS, {"model": "n"}) != place


def test_what_is_not_wanted_has_a_place_that_nobody_reads() -> None:
    given = families(without=frozenset({HITS}))
    assert given.at(HITS, {}) == 0
    assert given.get(HITS) is None
    given.add(HITS)
    assert HITS not in samples(given)


def test_a_metric_has_a_bounded_number_of_series_and_loses_none_of_its_counts() -> None:
    given = families(most=10)
    for number in range(500):
        given.add(SPEND, 1e9, user=f"u{number}", model="m")
    found = samples(given)
    shown = found[f"{SPEND}_total"]
    assert len(shown) == 11
    assert sum(value for _, value in shown) == 500
    labels = next(labels for labels, value in shown if value == 490)
    assert (labels["user"], labels["model"]) == ("other", "m")
    assert found["headgate_dropped_labels_total"] == [({"metric": SPEND}, 490.0)]


def test_what_a_configuration_tells_apart_is_bounded_too() -> None:
    given = families(most=10)
    for number in range(500):
        given.add(SPEND, 1e9, model=f"m{number}")
    shown = samples(given)[f"{SPEND}_total"]
    assert len(shown) == 10 + SPARE + 1
    assert sum(value for _, value in shown) == 500


def test_a_histogram_has_fewer_series_than_a_counter() -> None:
    given = families(most=20, most_histograms=5)
    for number in range(50):
        given.at("litellm_llm_api_latency_metric", {"user": f"u{number}"})
        given.at(HITS, {"user": f"u{number}"})
    found = samples(given)
    assert len(found["litellm_llm_api_latency_metric_count"]) == 6
    assert len(found[f"{HITS}_total"]) == 21


def test_a_value_is_put_into_the_first_bucket_that_reaches_it() -> None:
    cells = Cells()
    place = cells.room("h", "", 4)
    for value in (0.5, 1.0, 1.5, 3.0):
        observe(cells.numbers, place, (1.0, 2.0), value)
    assert list(cells.numbers[place : place + 4]) == [6.0, 2.0, 1.0, 1.0]


def test_gauges_say_nothing_until_they_are_set() -> None:
    given = families()
    given.numbers[given.at("litellm_in_flight_requests", {})] = 3
    given.add("headgate_records_lost_total", sink="s")
    assert samples(given)["litellm_in_flight_requests"] == [({}, 3.0)]
    given.clear_all_but(["litellm_in_flight_requests"])
    assert "litellm_in_flight_requests" in samples(given)
    given.clear_all_but(())
    assert "litellm_in_flight_requests" not in samples(given)
    assert samples(given)["headgate_records_lost_total"] == [({"sink": "s"}, 1.0)]


def test_no_value_of_a_label_breaks_the_text() -> None:
    assert escaped('a"b\\c\nd\re\u2028') == 'a\\"b\\\\c de'
    assert escaped("\ud800") == "?"
    assert len(escaped("x" * 5000)) == 128
    given = families()
    given.add(SPEND, 1e9, user='"},\n# HELP \\')
    ((labels, value),) = samples(given)[f"{SPEND}_total"]
    assert (labels["user"], value) == ('"}, # HELP \\', 1.0)
