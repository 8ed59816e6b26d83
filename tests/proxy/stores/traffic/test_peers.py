"""What other processes say is added up; who falls silent has no calls any more."""

from __future__ import annotations

import pytest

from pipelines.routing.health import Rest
from pipelines.routing.traffic import Seen
from proxy.stores.traffic.peers import FORGOTTEN, SILENT, Figures, Peers, packed

ALL = frozenset({"d1"})
BUSY = Figures(7, {"d1": Seen(2, 3, 40)}, {"d1": Rest(100.0, "down", 5.0)}, {"d1": 90.0})


def test_the_figures_of_all_are_added_and_their_latest_news_hold() -> None:
    peers = Peers()
    later = Figures(7, {"d1": Seen(1, 1, 1)}, {"d1": Rest(101.0, "down", 5.0)}, {"d1": 80.0})
    assert peers.hear({b"a": packed(BUSY, 1), b"b": packed(later, 9)}, 0.0) == []
    assert peers.seen(7, 0.0) == {"d1": Seen(3, 4, 41)}
    assert peers.rests(ALL) == {"d1": Rest(101.0, "down", 5.0)}
    assert peers.over(ALL) == {"d1": 90.0}


def test_figures_of_another_minute_are_calls_in_flight_alone() -> None:
    peers = Peers()
    peers.hear({b"a": packed(BUSY, 1)}, 0.0)
    assert peers.seen(8, 0.0) == {"d1": Seen(2, 0, 0)}


def test_who_says_nothing_new_has_no_calls_any_more_and_is_forgotten_at_last() -> None:
    peers = Peers()
    peers.hear({b"a": packed(BUSY, 1)}, 0.0)
    assert peers.hear({b"a": packed(BUSY, 1)}, SILENT + 1) == []
    assert peers.seen(7, SILENT + 1) == {"d1": Seen(0, 3, 40)}
    assert peers.hear({b"a": packed(BUSY, 1)}, FORGOTTEN + 1) == [b"a"]
    peers.hear({b"a": packed(BUSY, 2)}, FORGOTTEN + 2)
    assert peers.seen(7, FORGOTTEN + 2) == {"d1": Seen(2, 3, 40)}
    peers.hear({}, FORGOTTEN + 3)
    assert peers.seen(7, FORGOTTEN + 3) == {}


def test_deployments_that_are_not_ours_are_none_of_our_business() -> None:
    peers = Peers()
    peers.hear({b"a": packed(BUSY, 1)}, 0.0)
    assert peers.rests(frozenset()) == {}
    assert peers.over(frozenset()) == {}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"minute":1,"seen":[],"rests":{},"over":{}}'])
def test_what_cannot_be_read_was_not_said(raw: bytes) -> None:
    peers = Peers()
    peers.hear({b"a": raw}, 0.0)
    assert peers.seen(1, 0.0) == {}
