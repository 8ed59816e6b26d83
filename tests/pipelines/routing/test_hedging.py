"""A stream is late when nearly all others of its model had begun by then."""

from __future__ import annotations

import pytest

from pipelines.routing.hedging import Hedging
from pipelines.routing.traffic import Traffic


def known(*seconds: float) -> Traffic:
    traffic = Traffic()
    for one in seconds:
        traffic.spoke("a", 0.0, one)
    return traffic


def test_late_is_later_than_nineteen_of_twenty() -> None:
    traffic = known(*(0.5 for _ in range(37)), 2.0, 3.0, 4.0)
    assert Hedging().delay(traffic, ["a"], True) == pytest.approx(3.0)


@pytest.mark.parametrize(("seconds", "delay"), [(0.001, 0.1), (99.0, 30.0)])
def test_the_delay_is_bounded_on_both_sides(seconds: float, delay: float) -> None:
    assert Hedging().delay(known(*(seconds for _ in range(20))), ["a"], True) == delay


def test_the_operators_figure_holds_where_too_little_is_known() -> None:
    assert Hedging(after=2.0).delay(known(0.5), ["a"], True) == 2.0
    assert Hedging().delay(known(0.5), ["a"], True) is None


def test_a_whole_reply_is_never_late_unless_the_operator_wants_it() -> None:
    traffic = known(*(0.5 for _ in range(20)))
    assert Hedging(after=2.0).delay(traffic, ["a"], False) is None
    assert Hedging(after=2.0, whole=True).delay(traffic, ["a"], False) == 2.0
