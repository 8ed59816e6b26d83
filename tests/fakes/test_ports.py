"""The fakes of the ports do what they are told."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.errors import ConnectFailed, StreamBroken, UpstreamFailed
from tests.builders import a_principal, an_upstream_request
from tests.fakes.ports import FakeClock, FakeKeys, FakeReply, FakeTransport, Silence


def test_the_clock_moves_when_somebody_sleeps() -> None:
    clock = FakeClock(now=5.0)
    asyncio.run(clock.sleep(2.5))
    assert (clock.monotonic(), clock.sleeps) == (7.5, [2.5])


def test_the_keys_know_only_whom_they_were_given() -> None:
    keys = FakeKeys({"a": a_principal("ann")})
    assert asyncio.run(keys.find("a")) == a_principal("ann")
    assert asyncio.run(keys.find("b")) is None
    assert keys.asked == ["a", "b"]


def test_the_transport_answers_in_turn_and_repeats_its_last_answer() -> None:
    transport = FakeTransport(ConnectFailed("no"), FakeReply([b"x"]))

    async def ask() -> bytes:
        async with transport.open(an_upstream_request()) as reply:
            return await reply.body(10)

    with pytest.raises(ConnectFailed, match="no"):
        asyncio.run(ask())
    assert asyncio.run(ask()) == asyncio.run(ask()) == b"x"
    assert transport.trail == ["failed 0", "opened 1", "closed 1", "opened 2", "closed 2"]
    assert transport.still_open == 0


def test_the_transport_keeps_a_copy_of_what_was_sent() -> None:
    transport = FakeTransport(FakeReply())
    request = an_upstream_request()

    async def ask() -> None:
        async with transport.open(request):
            request.headers["X-Later"] = "1"

    asyncio.run(ask())
    assert "X-Later" not in transport.requests[0].headers


def test_a_reply_raises_what_stands_among_its_pieces() -> None:
    async def read() -> list[bytes]:
        reads = FakeReply([b"a", b"b", StreamBroken("cut"), b"c"]).reads()
        got = [await anext(reads), await anext(reads)]
        with pytest.raises(StreamBroken):
            await anext(reads)
        return got

    assert asyncio.run(read()) == [b"a", b"b"]


def test_a_reply_tells_when_somebody_waits_in_its_silence() -> None:
    async def read() -> bool:
        silence = Silence()
        task = asyncio.create_task(FakeReply([silence, b"never"]).body(10))
        await silence.reached.wait()
        return task.cancel()

    assert asyncio.run(read())


def test_a_body_over_the_limit_is_refused_as_the_port_promises() -> None:
    with pytest.raises(UpstreamFailed):
        asyncio.run(FakeReply([b"ab", b"c"]).body(2))
