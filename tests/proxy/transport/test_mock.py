"""The mock provider keeps a transport's promises, at the pace that its model's name asks for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from math import inf
from typing import Any

import orjson
import pytest

from pipelines.errors import (
    ConnectFailed,
    FirstByteTimeout,
    GatewayError,
    StreamBroken,
    UpstreamFailed,
)
from pipelines.upstream import UpstreamRequest
from proxy.clock import SystemClock
from proxy.transport.mock import MockTransport


class Instant:
    """A clock that is always as late as it is asked to be, at once."""

    def __init__(self) -> None:
        self.now = 50.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_793_000_000 + self.now

    async def sleep(self, seconds: float) -> None:
        assert 0 <= seconds < inf
        self.now += seconds
        await asyncio.sleep(0)


class Seen:
    """What came of one call, with the seconds on the clock at every step."""

    def __init__(self) -> None:
        self.head = -1.0
        self.reads: list[tuple[float, bytes]] = []
        self.error: GatewayError | None = None
        self.ended = -1.0

    @property
    def body(self) -> bytes:
        return b"".join(raw for _, raw in self.reads)

    @property
    def words(self) -> int:
        return len(re.findall(rb'"content":" ?word', self.body))

    @property
    def times(self) -> list[float]:
        return [round(at, 6) for at, _ in self.reads]


def _request(
    model: str, first_byte: float = 60.0, idle: float = 30.0, **more: Any
) -> UpstreamRequest:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": True, **more}
    return UpstreamRequest(
        url="mock://local/chat/completions",
        headers={},
        body=orjson.dumps(body),
        pool="mock",
        dialect="openai-chat",
        streaming=body["stream"],
        first_byte=first_byte,
        idle=idle,
    )


def _call(request: UpstreamRequest, limit: int | None = None) -> Seen:
    async def run() -> Seen:
        clock, seen = Instant(), Seen()
        transport = MockTransport(clock)
        begun = clock.now
        try:
            async with transport.open(request) as reply:
                seen.head = clock.now - begun
                assert transport.open_replies == 1
                if limit is not None:
                    raw = await reply.body(limit)
                    seen.reads.append((clock.now - begun, raw))
                else:
                    async for raw in reply.reads():
                        seen.reads.append((clock.now - begun, raw))
        except GatewayError as error:
            seen.error = error
        seen.ended = clock.now - begun
        assert transport.open_replies == 0
        return seen

    return asyncio.run(run())


def test_the_demo_says_fifty_words_a_second_one_event_a_read() -> None:
    seen = _call(_request("demo"))
    assert all(raw.count(b"\n\n") == 1 for _, raw in seen.reads)
    assert seen.body.endswith(b"data: [DONE]\n\n")
    words = len(seen.reads) - 3
    assert seen.times[:4] == [0.0, 0.0, 0.02, 0.04]
    assert seen.times[-1] == round((words - 1) * 0.02, 6)


def test_the_rate_is_as_directed() -> None:
    assert _call(_request("words3-rate10")).times == [0.0, 0.0, 0.1, 0.2, 0.2, 0.2]
    assert _call(_request("words3-rate0")).times == [0.0] * 6


def test_a_model_may_be_late_with_its_head_and_with_its_first_byte() -> None:
    seen = _call(_request("words1-late2000-first500"))
    assert seen.head == 2.0
    assert seen.times[0] == 2.5


def test_a_whole_reply_comes_at_once_unless_it_is_paced() -> None:
    assert _call(_request("words10", stream=False), limit=10_000).times == [0.0]
    assert _call(_request("words10-rate5-paced", stream=False), limit=10_000).times == [1.8]


def test_a_whole_reply_can_be_read_as_a_stream_too() -> None:
    seen = _call(_request("echo", stream=False))
    assert orjson.loads(seen.body)["choices"][0]["message"]["content"] == "hi"


def test_choices_share_the_pace_of_the_first() -> None:
    assert _call(_request("words2-rate10", n=2)).times == [0.0] * 4 + [0.1] * 5


def test_a_failure_has_its_status_and_its_body() -> None:
    async def run() -> None:
        async with MockTransport(Instant()).open(_request("fail429")) as reply:
            assert reply.status == 429
            assert (b"retry-after", b"1") in reply.headers
            assert orjson.loads(await reply.body(10_000))["error"]["code"] == "rate_limit_exceeded"

    asyncio.run(run())


def test_a_refused_connection_was_never_open() -> None:
    seen = _call(_request("refuse"))
    assert isinstance(seen.error, ConnectFailed)
    assert seen.head == -1.0


@pytest.mark.parametrize(
    "model", ["late5000", "first5000", "stall0", "late1000-first1001", "words9-rate2-paced"]
)
def test_a_first_byte_that_is_too_late_is_a_timeout_on_time(model: str) -> None:
    seen = _call(_request(model, first_byte=2.0, stream=not model.endswith("paced")))
    assert isinstance(seen.error, FirstByteTimeout)
    assert seen.ended == 2.0
    assert seen.reads == []


def test_silence_after_the_first_byte_breaks_the_stream_after_the_idle_time() -> None:
    seen = _call(_request("words9-rate0-stall5", first_byte=2.0, idle=7.0))
    assert isinstance(seen.error, StreamBroken)
    assert seen.error.code == "upstream_stalled"
    assert seen.words == 5
    assert seen.ended == 7.0


def test_words_that_come_slower_than_the_idle_time_break_the_stream() -> None:
    seen = _call(_request("words9-rate1", idle=0.5))
    assert isinstance(seen.error, StreamBroken)
    assert seen.words == 1


def test_a_cut_after_words_breaks_the_stream() -> None:
    seen = _call(_request("words9-cut5"))
    assert isinstance(seen.error, StreamBroken)
    assert seen.words == 5


def test_a_cut_before_the_first_byte_may_be_tried_again() -> None:
    error = _call(_request("cut0")).error
    assert isinstance(error, UpstreamFailed)
    assert error.retryable


@pytest.mark.parametrize(("model", "words"), [("eof5", 5), ("errorevent5", 5), ("eof0", 0)])
def test_a_clean_end_without_a_finish_is_no_error_of_the_transport(model: str, words: int) -> None:
    seen = _call(_request(f"words9-{model}"))
    assert seen.error is None
    assert seen.words == words
    assert b"[DONE]" not in seen.body
    assert (b'"error"' in seen.body) == model.startswith("error")


@pytest.mark.parametrize(
    ("model", "error"), [("cut5", UpstreamFailed), ("stall5", FirstByteTimeout)]
)
def test_a_whole_body_that_breaks_off_may_be_tried_again(
    model: str, error: type[GatewayError]
) -> None:
    seen = _call(_request(model, first_byte=2.0, stream=False), limit=10_000)
    assert isinstance(seen.error, error)


def test_a_body_over_its_limit_is_refused() -> None:
    assert isinstance(_call(_request("words99", stream=False), limit=100).error, UpstreamFailed)


async def _read_on(reads: AsyncIterator[bytes]) -> None:
    async for _ in reads:
        pass


def test_leaving_early_ends_the_reply() -> None:
    async def run() -> None:
        transport = MockTransport(SystemClock())
        async with transport.open(_request("words99999-rate0")) as reply:
            reads = reply.reads()
            await anext(reads)
            await anext(reads)
        assert transport.open_replies == 0

        async def stalled() -> None:
            async with transport.open(_request("stall1")) as reply:
                await _read_on(reply.reads())

        waiting = asyncio.create_task(stalled())
        await asyncio.sleep(0.01)
        assert transport.open_replies == 1
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        assert transport.open_replies == 0

    asyncio.run(run())


def test_a_reply_without_pauses_lets_others_run() -> None:
    async def run() -> int:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        beside = asyncio.create_task(others())
        async with MockTransport(SystemClock()).open(_request("words200-rate0")) as reply:
            await _read_on(reply.reads())
        beside.cancel()
        return turns

    assert asyncio.run(run()) >= 100
