"""A store that is away is told of, and its return."""

from __future__ import annotations

from proxy.alerts.stores import LONG, Backlog, Standing, Waiting


def test_one_failure_is_none_and_a_second_is_told_once() -> None:
    standing = Standing("the database")
    seen = [
        [one.event for one in standing.seen(up, now)]
        for up, now in [
            (True, 0.0),
            (False, 5.0),
            (True, 10.0),
            (False, 15.0),
            (False, 20.0),
            (False, 25.0),
            (True, 45.0),
            (True, 50.0),
        ]
    ]
    assert seen == [[], [], [], [], ["store_away"], [], ["store_back"], []]


def test_the_return_says_how_long_it_took() -> None:
    standing = Standing("Redis")
    for now in (0.0, 5.0):
        list(standing.seen(False, now))
    [alert] = standing.seen(True, 65.0)
    assert alert.message == "Redis answers again after 65s"


def waiting(records: int = 0, size: int = 0, age: float = 0.0, lost: int = 0) -> Waiting:
    return Waiting(records, size, 1_000_000, age, lost)


def test_records_that_wait_long_or_are_many_are_told_and_that_they_are_written() -> None:
    backlog = Backlog()
    assert list(backlog.seen(waiting(5, 100, 1.0))) == []
    [alert] = backlog.seen(waiting(5, 100, LONG + 1))
    assert alert.event == "spool_growing"
    assert "5 records" in alert.message
    assert [one.event for one in backlog.seen(waiting(9, 600_000))] == ["spool_growing"]
    assert list(backlog.seen(waiting(9, 100))) == []
    assert [one.event for one in backlog.seen(waiting())] == ["spool_empty"]
    assert list(backlog.seen(waiting())) == []


def test_records_that_are_lost_are_told_each_time_that_there_are_more() -> None:
    backlog = Backlog()
    [alert] = backlog.seen(waiting(lost=3))
    assert (alert.event, alert.level) == ("spool_lost", "High")
    assert list(backlog.seen(waiting(lost=3))) == []
    [alert] = backlog.seen(waiting(lost=5))
    assert alert.message.startswith("2 records of calls are lost")
