"""Log writes down that a call has begun before anybody hears of it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from pipelines.errors import BadCall, JournalFull
from pipelines.events import Data, End, Event, Head, Media
from pipelines.record import Record
from pipelines.stages.log import KEEP_EVERY, KEEP_FIRST, Log
from pipelines.usage import NO_USAGE
from tests.builders import a_head, an_exchange, flow_of, left_after, taken
from tests.fakes.ports import FakeClock, FakeJournal


class FakeSpool(FakeJournal):
    """Keeps beginnings beside records."""

    def __init__(self, full: bool = False) -> None:
        super().__init__()
        self.begun: list[Record] = []
        self._full = full

    def admit(self) -> None:
        if self._full:
            raise JournalFull()

    def begin(self, record: Record) -> None:
        self.begun.append(record)


def a_log(spool: FakeSpool) -> Log:
    return Log(spool, FakeClock(), spool)


async def test_the_beginning_is_written_before_the_first_bytes_leave() -> None:
    spool = FakeSpool()
    flow = a_log(spool)(an_exchange(), flow_of(Head(201, [], Media.SSE), Data(b"a"), End(NO_USAGE)))
    seen: list[tuple[type[Event], int]] = []
    async for event in flow:
        seen.append((type(event), len(spool.begun)))  # noqa: PERF401
    assert [count for _, count in seen] == [0, 1, 1]
    assert (spool.begun[0].status, spool.begun[0].outcome) == (201, "orphaned")
    assert len(spool.records) == 1


async def test_what_was_consumed_is_written_again_from_time_to_time() -> None:
    spool = FakeSpool()
    flow = a_log(spool)(an_exchange(), flow_of(a_head(), *[Data(b"x" * 64)] * 640, End(NO_USAGE)))
    counts = [len(spool.begun) async for _ in flow]
    written = [64 * at for at, count in enumerate(counts) if count > counts[at - 1]]
    gaps = [after - before for before, after in pairwise(written)]
    assert written[0] == 64
    assert gaps[0] <= KEEP_FIRST + 2 * 64
    assert gaps == sorted(gaps)
    assert gaps[-1] <= KEEP_EVERY + 64


async def test_a_call_that_is_left_after_its_beginning_has_an_end() -> None:
    spool = FakeSpool()
    flow = a_log(spool)(an_exchange(), flow_of(a_head(), Data(b"a"), Data(b"b")))
    await left_after(flow, 2)
    assert (len(spool.begun), len(spool.records)) == (1, 1)


def test_a_call_that_never_answered_has_its_end_only() -> None:
    spool = FakeSpool()
    with pytest.raises(BadCall):
        asyncio.run(taken(a_log(spool)(an_exchange(), flow_of(BadCall("no")))))
    assert (spool.begun, len(spool.records)) == ([], 1)


async def test_a_call_that_could_not_be_recorded_is_not_made() -> None:
    spool = FakeSpool(full=True)
    rest = flow_of(a_head(), Data(b"a"), End(NO_USAGE))
    with pytest.raises(JournalFull):
        await taken(a_log(spool)(an_exchange(), rest))
    assert [(one.status, one.outcome) for one in spool.records] == [(503, "failed")]
