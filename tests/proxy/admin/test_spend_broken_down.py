"""Days are added up part by part."""

from __future__ import annotations

import orjson

from proxy.admin.frame import encoded
from proxy.admin.spend_broken_down import Known, broken_down
from proxy.stores.journal.sums import Totals

KNOWN = Known({"k": "hash"}, {"k": {"key_alias": "mine"}}, {"red": {"team_alias": "Reds"}})


def test_nothing_is_no_day() -> None:
    assert broken_down(((), (), (), ()), KNOWN) == []


def test_parts_add_up_and_know_their_keys() -> None:
    what = [
        Totals((9, model, "fast", provider, "d", "chat"), calls=2, failed=1, cost=10**9)
        for model, provider in (("a", "openai"), ("b", "azure"))
    ]
    by_key = [Totals((9, key, "a", "fast", "openai"), calls=1, cost=7) for key in ("k", "gone")]
    [day] = broken_down(
        (what, by_key, [Totals((9, "red"), calls=4)], [Totals((9, "", "k"))]), KNOWN
    )
    parts = day["breakdown"]
    assert orjson.loads(encoded(day).body) == day
    assert day["metrics"]["spend"] == 2.0
    assert day["metrics"]["successful_requests"] == 2
    assert parts["model_groups"]["fast"]["metrics"]["api_requests"] == 4
    assert set(parts["models"]["a"]["api_key_breakdown"]) == {"hash", "gone"}
    assert parts["api_keys"]["hash"]["metadata"] == {"key_alias": "mine"}
    assert parts["api_keys"]["gone"]["metadata"]["key_exists"] is False
    assert parts["entities"]["red"]["metadata"] == {"team_alias": "Reds"}
    assert set(parts["entities"]["Unassigned"]["api_key_breakdown"]) == {"hash"}
