"""Traffic counts what deployments do, for this minute and within bounds."""

from __future__ import annotations

from pipelines.routing.traffic import Seen, Traffic

NOON = 43_200.0


def test_traffic_counts_calls_in_flight_and_the_minutes_requests_and_tokens() -> None:
    traffic = Traffic()
    traffic.begin("a", NOON)
    traffic.begin("a", NOON + 1)
    traffic.end("a", NOON + 2, 30)
    assert traffic.seen("a", NOON + 3) == Seen(in_flight=1, requests=2, tokens=30)
    assert traffic.seen("b", NOON + 3) == Seen()


def test_traffic_begins_anew_with_the_minute_but_for_what_is_in_flight() -> None:
    traffic = Traffic()
    traffic.begin("a", NOON + 59)
    assert traffic.seen("a", NOON + 60) == Seen(in_flight=1)
    traffic.end("a", NOON + 61, 7)
    assert traffic.seen("a", NOON + 61) == Seen(tokens=7)


def test_traffic_adds_what_other_processes_count_and_tells_its_own_alone() -> None:
    traffic = Traffic()
    traffic.begin("a", NOON)
    traffic.heard({"a": Seen(2, 5, 100), "b": Seen(1, 1, 1)}, NOON)
    assert traffic.seen("a", NOON) == Seen(3, 6, 100)
    assert traffic.seen("b", NOON) == Seen(1, 1, 1)
    assert traffic.own(NOON) == {"a": Seen(1, 1, 0)}
    traffic.end("a", NOON)
    assert traffic.own(NOON + 60) == {}


def test_traffic_takes_the_mean_of_the_last_samples_that_are_young_enough() -> None:
    traffic = Traffic()
    for second, seconds in enumerate((9.0, 1.0, 3.0)):
        traffic.spoke("a", NOON + second, seconds)
    traffic.told("a", NOON, 4.0, 8)
    assert traffic.latency("a", True, NOON, 2) == 2.0
    assert traffic.latency("a", True, NOON + 2, 10) == 3.0
    assert traffic.latency("a", False, NOON, 10) == 0.5
    assert traffic.latency("a", True, NOON + 3, 10) is None
    assert traffic.latency("b", True, 0, 10) is None


def test_traffic_knows_when_most_streams_have_begun() -> None:
    traffic = Traffic()
    for index in range(40):
        traffic.spoke("ab"[index % 2], NOON, index / 10)
    assert traffic.late(["a", "b"]) == 3.8
    assert traffic.late(["a", "b"], least=41) is None


def test_traffic_of_deployments_that_are_gone_does_not_pile_up() -> None:
    traffic = Traffic(most=10)
    for index in range(100):
        traffic.begin(f"old-{index}", NOON + index * 60)
    assert len(traffic) <= 10
    traffic.keep(["old-99"])
    assert len(traffic) == 1
    # One that ends after it was forgotten takes nobody else's place.
    traffic.end("old-1", NOON + 9000)
    assert traffic.seen("old-1", NOON + 9000).in_flight == 0


def test_traffic_of_others_is_of_the_minute_in_which_it_was_heard() -> None:
    traffic = Traffic()
    traffic.heard({"a": Seen(2, 5, 100)}, NOON)
    assert traffic.seen("a", NOON + 60) == Seen(2, 0, 0)
