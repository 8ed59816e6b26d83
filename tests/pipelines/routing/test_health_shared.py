"""What is found out elsewhere, by other processes or by probes, holds here as well."""

from __future__ import annotations

from pipelines.routing.health import Health, Rest
from pipelines.routing.policy import Cooldowns

NOON = 1_793_000_000.0


def test_what_other_processes_find_out_holds_here_too() -> None:
    health = Health()
    told: list[int] = []
    health.tell(lambda *_: told.append(1))
    rest = Rest(NOON + 5, "it refuses")
    health.heard({"d1": rest}, {}, NOON)
    assert health.rest("d1", NOON) == rest
    health.heard({}, {"d1": NOON - 1}, NOON)
    assert health.rest("d1", NOON) == rest
    health.heard({"d1": rest}, {"d1": NOON + 1}, NOON + 1)
    assert health.rest("d1", NOON + 1) is None
    assert told == []


def test_of_two_news_of_one_deployment_the_later_one_holds() -> None:
    health = Health()
    health.rested("d1", Rest(NOON + 5, "it refuses"))
    health.woken("d1", NOON + 1)
    assert health.over(NOON + 1) == {"d1": NOON + 1}
    health.heard({"d1": Rest(NOON + 5, "old")}, {}, NOON + 2)
    assert health.rest("d1", NOON + 2) is None
    health.heard({"d1": Rest(NOON + 8, "new")}, {}, NOON + 3)
    assert health.rest("d1", NOON + 3) is not None
    assert health.over(NOON + 4000) == {}


def test_each_change_is_told_once() -> None:
    health = Health()
    told: list[int] = []
    health.tell(lambda *_: told.append(1))
    health.woken("d1", NOON)
    assert told == []
    health.rested("d1", Rest(NOON + 60, "it is not well", 60.0))
    health.rested("d1", Rest(NOON + 90, "it is not well", 60.0))
    assert told == [1]
    health.woken("d1", NOON)
    assert told == [1, 1]


def test_rests_of_others_are_nothing_where_nothing_rests() -> None:
    health = Health(Cooldowns(disabled=True))
    health.heard({"d1": Rest(NOON + 5, "it refuses")}, {}, NOON)
    health.rested("d1", Rest(NOON + 5, "it refuses"))
    assert not health.resting
