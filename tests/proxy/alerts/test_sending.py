"""Alerts are sent behind the calls' backs, and a channel that is down holds up no other one."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from pipelines.errors import ConnectFailed, Rejected, UpstreamFailed
from proxy.alerts.quiet import Quiet
from proxy.alerts.sending import KEPT, MOST, Alerts, Outbox
from proxy.background import Background
from tests.fakes.ports import FakeClock
from tests.proxy.alerts.builders import Person, an_alert


async def test_an_alert_goes_to_all_channels_that_take_its_kind_and_once() -> None:
    clock, background = FakeClock(), Background()
    all_of_it, money = Person(), Person(kinds=frozenset({"budget_alerts"}))
    alerts = Alerts((all_of_it, money), Quiet(clock), clock)
    alerts.begin(background)
    assert await alerts.tell(an_alert())
    assert not await alerts.tell(an_alert())
    assert await alerts.tell(an_alert("budget_alerts", "b"))
    assert not await alerts.tell(an_alert("something_else", "c"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert [one.cause for one in all_of_it.told] == ["a", "b"]
    assert [one.cause for one in money.told] == ["b"]
    await background.close(within=0)


async def test_a_failure_is_tried_again_with_longer_pauses_and_told_once() -> None:
    clock = FakeClock()
    person = Person(ConnectFailed("no"), UpstreamFailed("no"), UpstreamFailed("no"))
    outbox = Outbox(person, clock)
    outbox.put(an_alert(), clock.time())
    with capture_logs() as lines:
        assert [await outbox.once() for _ in range(4)] == [1.0, 2.0, 4.0, 0.0]
    assert [one.cause for one in person.told] == ["a"]
    assert [line["event"] for line in lines] == ["alerts are not taken", "alerts are taken again"]


async def test_what_is_refused_is_not_sent_again() -> None:
    clock = FakeClock()
    outbox = Outbox(Person(Rejected("no", 404)), clock)
    outbox.put(an_alert(), clock.time())
    assert await outbox.once() == 0.0
    assert (outbox.sent, outbox.lost) == (0, 1)


async def test_what_is_too_old_is_given_up() -> None:
    clock = FakeClock()
    outbox = Outbox(Person(UpstreamFailed("no")), clock)
    outbox.put(an_alert(), clock.time() - KEPT)
    assert await outbox.once() == 0.0
    assert outbox.lost == 1


async def test_only_so_many_wait() -> None:
    clock = FakeClock()
    outbox = Outbox(Person(), clock)
    for number in range(MOST + 3):
        outbox.put(an_alert(cause=str(number)), clock.time())
    assert outbox.lost == 3


async def test_one_that_fails_holds_up_no_other_one() -> None:
    clock, background = FakeClock(), Background()
    bad, good = Person(*[UpstreamFailed("no")] * 1000), Person()
    alerts = Alerts((bad, good), Quiet(clock), clock)
    alerts.outboxes[1].put(an_alert(), clock.time())
    background.spawn(alerts.outboxes[1].run(), "good")
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(good.told) == 1
    await background.close(within=0)


async def test_one_process_of_all_does_what_is_claimed() -> None:
    clock = FakeClock()
    alerts = Alerts((), Quiet(clock), clock)
    assert await alerts.claim("look", 60.0)
    assert not await alerts.claim("look", 60.0)
