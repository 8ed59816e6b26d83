"""A recording is written once and read by many, each at its own speed."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.errors import BadCall, Unsupported, UpstreamFailed
from pipelines.events import Data, End, Event, Head, Media
from pipelines.recording import AHEAD, CATCH_UP, Recording, Room, twin
from pipelines.usage import NO_USAGE
from tests.builders import KNOWN_USAGE, a_head


def a_recording(limit: int = 10_000, room: int = 10**9) -> Recording:
    return Recording("stream_1", "openai-chat", "stream", limit, Room(room))


async def read(recording: Recording, into: list[Event]) -> None:
    with recording.follower() as follower:
        while follower.ready or await follower.more():
            into.append(follower.take())


def written(*pieces: bytes, end: bool = True) -> Recording:
    recording = a_recording()
    recording.write(a_head(), 1.0)
    for at, piece in enumerate(pieces):
        recording.write(Data(piece), 1.5 + at)
    if end:
        recording.write(End(KNOWN_USAGE), 9.0)
    recording.close()
    return recording


async def test_a_reader_who_is_there_gets_the_very_same_events() -> None:
    recording, got = a_recording(), list[Event]()
    reader = asyncio.ensure_future(read(recording, got))
    events: list[Event] = [a_head(), Data(b"a"), Data(b"b"), End(NO_USAGE)]
    for event in events:
        await asyncio.sleep(0)
        recording.write(event, 1.0)
        await asyncio.sleep(0)
    recording.close()
    await reader
    assert [id(one) for one in got] == [id(one) for one in events]


async def test_a_reader_who_is_late_gets_what_has_come_meanwhile_in_one_piece() -> None:
    got: list[Event] = []
    await read(written(b"a", b"b", b"c"), got)
    assert got == [a_head(), Data(b"abc"), End(KNOWN_USAGE)]


async def test_what_a_late_reader_gets_at_once_is_bounded() -> None:
    got: list[Event] = []
    await read(written(*[b"x" * CATCH_UP] * 3), got)
    assert len(got) == 5


async def test_a_fault_is_met_after_what_stood_before_it() -> None:
    recording, got = a_recording(), list[Event]()
    recording.write(a_head(), 1.0)
    error = UpstreamFailed("no", 503)
    recording.close(error)
    with pytest.raises(UpstreamFailed, match="no") as raised:
        await read(recording, got)
    assert got == [a_head()]
    assert (raised.value.status, raised.value is error) == (503, False)
    assert not recording.joinable


def test_a_fault_after_the_end_is_none() -> None:
    recording = a_recording()
    recording.write(a_head(), 1.0)
    recording.write(End(NO_USAGE), 1.0)
    recording.close(UpstreamFailed("late"))
    assert recording.fault is None


async def test_the_last_reader_that_leaves_is_told() -> None:
    recording, told = a_recording(), list[int]()
    recording.abandoned = lambda: told.append(recording.readers)
    one, two = recording.follower(), recording.follower()
    with one:
        with two:
            pass
        assert told == []
    assert told == [0]


async def test_a_reader_that_is_cancelled_wakes_nobody_else() -> None:
    recording, got = a_recording(), list[Event]()
    gone, stays = (asyncio.ensure_future(read(recording, into)) for into in ([], got))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    recording.write(a_head(), 1.0)
    recording.close()
    await stays
    assert got == [a_head()]


def test_it_is_kept_with_its_times_and_without_the_providers_headers() -> None:
    recording = written(b"a", b"bc")
    recording.events[0] = Head(200, [(b"content-type", b"x"), (b"x-request-id", b"1")], Media.SSE)
    stored = recording.stored(7.0)
    assert stored is not None
    assert stored.headers == [(b"content-type", b"x")]
    assert (stored.pieces, list(stored.offsets), stored.made) == ([b"a", b"bc"], [0.5, 1.5], 7.0)
    assert stored.usage == KNOWN_USAGE


def test_what_has_no_end_is_not_kept() -> None:
    assert written(b"a", end=False).stored(1.0) is None
    private = written(b"a")
    private.private = True
    assert private.stored(1.0) is None


async def test_past_its_bound_it_waits_for_the_slowest_reader_and_forgets_what_all_have_read() -> (
    None
):
    recording = a_recording(limit=10)
    recording.write(a_head(), 1.0)
    with recording.follower() as fast, recording.follower() as slow:
        for _ in range(AHEAD + 5):
            recording.write(Data(b"x" * 10), 1.0)
        assert recording.overfull
        assert not recording.joinable
        waiting = asyncio.ensure_future(recording.space())
        while fast.ready:
            fast.take()
        await asyncio.sleep(0)
        assert not waiting.done()
        slow.take()
        slow.take()
        await waiting
        assert len(recording.events) == 0
        assert recording.stored(1.0) is None


async def test_all_recordings_together_are_bounded() -> None:
    room = Room(15)
    one, two = (Recording("s", "d", "stream", 100, room) for _ in range(2))
    one.write(Data(b"x" * 10), 1.0)
    two.write(Data(b"x" * 10), 1.0)
    assert (one.overfull, two.overfull, room.used) == (False, True, 20)
    one.release()
    two.release()
    two.release()
    assert room.used == 0


@pytest.mark.parametrize(
    "error", [Unsupported("seed", "Acme"), BadCall("no", "model"), UpstreamFailed("x", 503)]
)
def test_the_copy_of_an_error_says_the_same(error: BadCall) -> None:
    copy = twin(error)
    assert type(copy) is type(error)
    assert (copy.message, copy.status, copy.param) == (error.message, error.status, error.param)
