"""Records are handed over behind the calls' backs, and one that is lost is counted and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest
from structlog.testing import capture_logs

from pipelines.errors import ConnectFailed, Denied, Overloaded, Rejected, UpstreamFailed
from pipelines.record import Record
from proxy.background import Background
from proxy.telemetry.exporting import Counts, Exporter, Pace, close_all, sampled
from tests.fakes.ports import FakeClock

QUICK = Pace(batch=2, every=0.01)


class Receiver:
    """Takes batches, fails as often as it was told to, and hangs where it was told so."""

    def __init__(self, *faults: Exception, hangs: bool = False, refuses: int = 0) -> None:
        self.batches: list[list[str]] = []
        self.faults = list(faults)
        self.hangs = hangs
        self.refuses = refuses
        self.tries = 0

    async def __call__(self, records: Sequence[Record]) -> int:
        self.tries += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.faults:
            raise self.faults.pop(0)
        self.batches.append([one.id for one in records])
        return self.refuses


class Sleepless(FakeClock):
    """Lets the others run while it sleeps."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


def a_record(id: str = "a", outcome: str = "ok", prompt: str | None = None) -> Record:
    return Record(id, "chat", outcome, 200, 0.1, prompt=prompt)


@asynccontextmanager
async def running(exporter: Exporter) -> AsyncIterator[None]:
    background = Background()
    background.spawn(exporter.run(), exporter.name)
    try:
        yield
    finally:
        await background.close(within=0)


async def until(done: Callable[[], bool]) -> None:
    for _ in range(5000):
        if done():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError


def an_exporter(receiver: Receiver, pace: Pace = QUICK, clock: FakeClock | None = None) -> Exporter:
    return Exporter("test", receiver, clock or Sleepless(), pace, Random(1))


async def test_records_go_in_batches_and_the_last_ones_soon() -> None:
    receiver = Receiver()
    exporter = an_exporter(receiver)
    async with running(exporter):
        for id in "abc":
            exporter.put(a_record(id))
        await until(lambda: exporter.counts.sent == 3)
    assert receiver.batches == [["a", "b"], ["c"]]
    assert exporter.waiting == 0


async def test_a_full_batch_does_not_wait() -> None:
    receiver = Receiver()
    exporter = an_exporter(receiver, replace(QUICK, every=3600))
    async with running(exporter):
        await asyncio.sleep(0)
        exporter.put(a_record("a"))
        await asyncio.sleep(0.01)
        exporter.put(a_record("b"))
        await until(lambda: exporter.counts.sent == 2)
    assert receiver.batches == [["a", "b"]]


async def test_a_batch_is_tried_again_with_growing_pauses() -> None:
    clock = Sleepless()
    receiver = Receiver(*[UpstreamFailed("away")] * 3)
    exporter = an_exporter(receiver, clock=clock)
    async with running(exporter):
        exporter.put(a_record())
        await until(lambda: exporter.counts.sent == 1)
    assert receiver.tries == 4
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(clock.sleeps)] == [True] * 3
    assert exporter.counts == Counts(sent=1)


async def test_the_receiver_may_ask_for_a_longer_pause_within_limits() -> None:
    clock = Sleepless()
    receiver = Receiver(Overloaded("busy", 429, 30.0), Overloaded("busy", 429, 9999.0))
    exporter = an_exporter(receiver, clock=clock)
    async with running(exporter):
        exporter.put(a_record())
        await until(lambda: exporter.counts.sent == 1)
    assert clock.sleeps == [30.0, 60.0]


async def test_a_batch_that_only_fails_is_given_up_and_the_next_one_goes() -> None:
    receiver = Receiver(*[UpstreamFailed("no")] * 6)
    exporter = an_exporter(receiver)
    async with running(exporter):
        for id in "abc":
            exporter.put(a_record(id))
        await until(lambda: exporter.counts.sent == 1)
    assert exporter.counts == Counts(sent=1, failed=2)
    assert receiver.batches == [["c"]]


async def test_an_outage_gives_nothing_up() -> None:
    receiver = Receiver(*[ConnectFailed("down")] * 50)
    exporter = an_exporter(receiver)
    async with running(exporter):
        exporter.put(a_record())
        await until(lambda: exporter.counts.sent == 1)
    assert receiver.tries == 51


@pytest.mark.parametrize(
    "fault", [Denied("401"), Rejected("400"), TypeError("?"), UnicodeError("?")]
)
async def test_what_is_refused_is_not_sent_twice(fault: Exception) -> None:
    receiver = Receiver(fault)
    exporter = an_exporter(receiver)
    async with running(exporter):
        exporter.put(a_record("a"))
        exporter.put(a_record("b"))
        exporter.put(a_record("c"))
        await until(lambda: exporter.counts.sent == 1)
    assert exporter.counts == Counts(sent=1, failed=2)


async def test_records_that_the_receiver_leaves_out_are_counted() -> None:
    exporter = an_exporter(Receiver(refuses=1))
    async with running(exporter):
        exporter.put(a_record("a"))
        exporter.put(a_record("b"))
        await until(lambda: exporter.waiting == 0)
    assert exporter.counts == Counts(sent=1, failed=1)


async def test_a_receiver_that_hangs_is_left() -> None:
    exporter = an_exporter(Receiver(hangs=True), replace(QUICK, patience=0.01, tries=2))
    async with running(exporter):
        exporter.put(a_record())
        await until(lambda: exporter.counts.failed == 1)


async def test_what_finds_no_room_is_counted_and_told_once() -> None:
    receiver = Receiver()
    exporter = an_exporter(receiver, replace(QUICK, most=2))
    with capture_logs() as lines:
        for _ in range(5):
            exporter.put(a_record())
        assert exporter.counts == Counts(dropped=3)
        async with running(exporter):
            await until(lambda: exporter.counts.sent == 2)
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "records are dropped: too many wait"),
        ("info", "records are handed over again"),
    ]
    assert lines[1]["dropped"] == 3


async def test_large_prompts_fill_the_room_sooner() -> None:
    exporter = an_exporter(Receiver(), replace(QUICK, most_bytes=10_000))
    exporter.put(a_record(prompt="x" * 7_000))
    exporter.put(a_record(prompt="x" * 7_000))
    assert exporter.counts.dropped == 1
    async with running(exporter):
        await until(lambda: exporter.counts.sent == 1)
        exporter.put(a_record(prompt="x" * 7_000))
        await until(lambda: exporter.counts.sent == 2)


async def test_large_prompts_do_not_wait() -> None:
    exporter = an_exporter(Receiver(), replace(QUICK, batch=9, batch_bytes=10_000, every=3600))
    async with running(exporter):
        exporter.put(a_record(prompt="x" * 4_000))
        await asyncio.sleep(0.01)
        exporter.put(a_record(prompt="x" * 4_000))
        await until(lambda: exporter.counts.sent == 1)


async def test_large_prompts_go_in_smaller_batches() -> None:
    receiver = Receiver()
    exporter = an_exporter(receiver, replace(QUICK, batch=9, batch_bytes=10_000))
    for id, size in (("a", 20_000), ("b", 3_000), ("c", 0), ("d", 9_000)):
        exporter.put(a_record(id, prompt="x" * size))
    await exporter.close()
    assert receiver.batches == [["a"], ["b", "c"], ["d"]]


async def test_an_outage_is_told_once_and_so_is_its_end() -> None:
    exporter = an_exporter(Receiver(*[ConnectFailed("nobody is there")] * 9))
    with capture_logs() as lines:
        async with running(exporter):
            exporter.put(a_record())
            await until(lambda: exporter.counts.sent == 1)
    assert [line["event"] for line in lines] == [
        "records are not handed over just now",
        "records are handed over again",
    ]
    assert (lines[0]["exporter"], lines[0]["reason"]) == ("test", "nobody is there")
    assert exporter.well


async def test_the_words_of_a_strange_error_are_not_logged() -> None:
    exporter = an_exporter(Receiver(ValueError("the secret prompt")))
    with capture_logs() as lines:
        async with running(exporter):
            exporter.put(a_record())
            await until(lambda: exporter.counts.failed == 1)
    assert "secret" not in str(lines)


async def test_the_end_hands_over_what_waits_and_what_was_under_way() -> None:
    receiver = Receiver(hangs=True)
    exporter = an_exporter(receiver)
    async with running(exporter):
        for id in "abc":
            exporter.put(a_record(id))
        await until(lambda: receiver.tries == 1)
    receiver.hangs = False
    await exporter.close()
    assert receiver.batches == [["a", "b"], ["c"]]
    assert exporter.counts == Counts(sent=3)


@pytest.mark.parametrize("receiver", [Receiver(hangs=True), Receiver(ConnectFailed("down"))])
async def test_the_end_waits_for_nobody_forever(receiver: Receiver) -> None:
    exporter = an_exporter(receiver)
    for id in "abc":
        exporter.put(a_record(id))
    with capture_logs() as lines:
        await close_all([exporter], within=0.01)
    assert exporter.counts == Counts(dropped=3)
    assert lines[-1]["records"] == 3
    assert exporter.waiting == 0


@pytest.mark.parametrize(
    ("pace", "wanted"),
    [(replace(QUICK, failures=False), ["a"]), (replace(QUICK, successes=False), ["b"])],
)
async def test_one_may_want_only_what_went_well_or_only_what_did_not(
    pace: Pace, wanted: list[str]
) -> None:
    receiver = Receiver()
    exporter = an_exporter(receiver, pace)
    exporter.put(a_record("a"))
    exporter.put(a_record("b", "refused"))
    await exporter.close()
    assert receiver.batches == [wanted]


def test_a_share_of_the_traces_is_kept_whole() -> None:
    records = [replace(a_record(str(n)), trace_id=f"t{n // 2}") for n in range(4000)]
    kept = [one for one in records if sampled(one, 0.25)]
    assert 800 < len(kept) < 1200
    assert len({one.trace_id for one in kept}) == len(kept) / 2


async def test_what_is_not_sampled_is_no_loss() -> None:
    exporter = an_exporter(Receiver(), replace(QUICK, sample=0.0))
    exporter.put(a_record())
    assert (exporter.waiting, exporter.counts) == (0, Counts())
