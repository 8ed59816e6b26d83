"""The text that Prometheus reads."""

from __future__ import annotations

from proxy.config.metering import MetricSettings
from proxy.telemetry.metric_cells import Cells
from proxy.telemetry.metric_families import Families, observe
from proxy.telemetry.metric_text import LINES, pieces


def text(families: Families) -> str:
    return "".join(pieces(families, list(families.cells.slots())))


def test_a_counter_has_help_type_and_one_line_for_each_series() -> None:
    families = Families(MetricSettings(), Cells())
    families.add("headgate_records_lost_total", 2, sink="s")
    assert text(families) == (
        "# HELP headgate_records_lost_total Records that found no room.\n"
        "# TYPE headgate_records_lost_total counter\n"
        'headgate_records_lost_total{sink="s"} 2.0\n'
    )


def test_a_histograms_buckets_add_up() -> None:
    families = Families(MetricSettings(buckets=(0.5, 1.0)), Cells())
    for seconds in (0.1, 0.5, 0.7, 9.0):
        place = families.at("headgate_time_to_first_token_seconds", {"model": "m"})
        observe(families.numbers, place, (0.5, 1.0), seconds)
    lines = [line.rpartition("{")[2] for line in text(families).splitlines()[2:]]
    start = 'model="m",api_provider="None"'
    assert lines == [
        f'{start},le="0.5"}} 2.0',
        f'{start},le="1.0"}} 3.0',
        f'{start},le="+Inf"}} 4.0',
        f"{start}}} 4.0",
        f"{start}}} 10.3",
    ]


def test_money_is_added_up_exactly_and_shown_in_dollars() -> None:
    families = Families(MetricSettings(), Cells())
    for _ in range(10):
        families.add("litellm_spend_metric", 100_000_001, user="u")
    assert text(families).endswith(" 1.00000001\n")


def test_a_long_text_comes_in_pieces() -> None:
    families = Families(MetricSettings(most=3 * LINES), Cells())
    for number in range(3 * LINES):
        families.add("headgate_records_lost_total", sink=str(number))
    assert len([one for one in pieces(families, list(families.cells.slots())) if one]) == 3
    assert text(families).count("\n") == 3 * LINES + 2
