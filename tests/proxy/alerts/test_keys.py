"""Keys that expire soon are told of, and those with a new secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proxy.alerts import keys
from proxy.alerts.keys import key_alerts, of_key
from proxy.stores.entities.kinds import Key
from tests.fakes.entities import FakeEntities

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def a_key(id: str = "k", **more: Any) -> Key:
    return Key(id=id, digest=f"marked-digest-{id}", name="sk-...abcd", **more)


@pytest.mark.parametrize(
    ("days", "found"), [(8.0, None), (6.0, "Low"), (0.5, "Medium"), (-1.0, None), (None, None)]
)
def test_a_key_is_told_of_a_week_and_a_day_before_its_end(
    days: float | None, found: str | None
) -> None:
    expires = None if days is None else NOW + timedelta(days=days)
    alerts = list(of_key(a_key(expires=expires, alias="ci"), NOW))
    assert [one.level for one in alerts] == ([] if found is None else [found])
    assert "marked" not in f"{alerts}"


def test_the_week_and_the_day_are_two_causes() -> None:
    key = a_key(expires=NOW + timedelta(days=3))
    [soon], [urgent] = of_key(key, NOW), of_key(key, NOW + timedelta(days=2.5))
    assert soon.cause != urgent.cause


def test_a_rotation_of_the_last_hour_is_told() -> None:
    key = a_key(last_rotation_at=NOW - timedelta(minutes=30), team_id="red")
    [alert] = of_key(key, NOW)
    assert (alert.kind, alert.group) == ("key_rotated", "key")
    assert "Owner: `red`" in alert.message
    assert list(of_key(key, NOW + timedelta(hours=1))) == []


def test_a_blocked_key_may_end() -> None:
    assert list(of_key(a_key(expires=NOW + timedelta(days=1), blocked=True), NOW)) == []


async def test_all_keys_are_looked_at_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_PAGE", 2)
    soon = NOW + timedelta(days=2)
    store = FakeEntities(*[a_key(str(n), expires=soon) for n in range(5)])
    found = [one.about["key_id"] async for one in key_alerts(store, NOW.timestamp())]
    assert found == ["0", "1", "2", "3", "4"]
