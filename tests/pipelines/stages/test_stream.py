"""Stream hands on what the provider sends, read for read, and leaves nothing open."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.deployment import Deployment
from pipelines.errors import (
    ConnectFailed,
    Denied,
    FirstByteTimeout,
    ModelNotFound,
    Overloaded,
    Rejected,
    StreamBroken,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.events import Data, End, Event, Flow, Head, Headers, Media
from pipelines.registry import DIALECTS
from pipelines.stages.stream import MAX_ERROR_BODY, MAX_WHOLE_BODY, Stream, media_of
from pipelines.usage import NO_USAGE
from tests.builders import (
    SECRET,
    a_deployment,
    an_exchange,
    an_upstream_request,
    flow_of,
    left_after,
    taken,
)
from tests.fakes.ports import JSON, SSE, FakeReply, FakeTransport, Silence


def stream(
    transport: FakeTransport, streaming: bool = True, deployment: Deployment | None = None
) -> Flow:
    """One attempt whose request is ready."""
    exchange = an_exchange(deployment=deployment or a_deployment())
    exchange.upstream = an_upstream_request(streaming)
    return Stream(transport, DIALECTS)(exchange, flow_of())


def failure(transport: FakeTransport, streaming: bool = True) -> UpstreamError:
    """The error of an attempt that gives no event."""
    got: list[Event] = []
    with pytest.raises(UpstreamError) as raised:
        asyncio.run(taken(stream(transport, streaming), got))
    assert got == []
    assert transport.still_open == 0
    return raised.value


def test_stream_gives_one_data_a_read_and_the_very_bytes() -> None:
    pieces = [b"data: 1\n\nda", b"ta: 2\n\n"]
    transport = FakeTransport(FakeReply(pieces))
    got = asyncio.run(taken(stream(transport)))
    assert got == [Head(200, [SSE], Media.SSE), Data(pieces[0]), Data(pieces[1]), End(NO_USAGE)]
    raws = [event.raw for event in got if isinstance(event, Data)]
    assert [id(raw) for raw in raws] == [id(piece) for piece in pieces]
    assert transport.trail == ["opened 0", "closed 0"]


def test_stream_gives_a_document_as_one_piece() -> None:
    transport = FakeTransport(FakeReply([b'{"a"', b":1}"], headers=[JSON]))
    got = asyncio.run(taken(stream(transport, streaming=False)))
    assert got == [Head(200, [JSON], Media.JSON), Data(b'{"a":1}'), End(NO_USAGE)]


def test_stream_signs_the_request_before_it_is_sent() -> None:
    transport = FakeTransport(FakeReply([b"data: 1\n\n"]))
    asyncio.run(taken(stream(transport)))
    assert transport.requests[0].headers["Authorization"] == f"Bearer {SECRET}"


def test_stream_closes_the_connection_when_it_is_left_midway() -> None:
    transport = FakeTransport(FakeReply([b"data: 1\n\n", b"data: 2\n\n"]))
    got = asyncio.run(left_after(stream(transport), 2))
    assert got[1] == Data(b"data: 1\n\n")
    assert transport.trail == ["opened 0", "closed 0"]


def test_stream_closes_the_connection_when_it_is_cancelled_while_it_waits() -> None:
    async def run() -> list[str]:
        silence = Silence()
        transport = FakeTransport(FakeReply([b"data: 1\n\n", silence]))
        task = asyncio.create_task(taken(stream(transport)))
        await silence.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return transport.trail

    assert asyncio.run(run()) == ["opened 0", "closed 0"]


@pytest.mark.parametrize(
    "error", [ConnectFailed("refused"), FirstByteTimeout("silent"), UpstreamFailed("closed")]
)
def test_stream_passes_on_that_no_reply_came(error: UpstreamError) -> None:
    assert failure(FakeTransport(error)) is error


def test_stream_passes_on_that_the_reply_broke_off() -> None:
    got: list[Event] = []
    transport = FakeTransport(FakeReply([b"data: 1\n\n", StreamBroken("reset")]))
    with pytest.raises(StreamBroken, match="reset"):
        asyncio.run(taken(stream(transport), got))
    assert got == [Head(200, [SSE], Media.SSE), Data(b"data: 1\n\n")]
    assert transport.still_open == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, UpstreamFailed),
        (301, UpstreamFailed),
        (307, UpstreamFailed),
        (400, Rejected),
        (401, Denied),
        (403, Denied),
        (404, ModelNotFound),
        (429, Overloaded),
        (500, UpstreamFailed),
        (503, Overloaded),
    ],
)
def test_stream_turns_a_bad_status_into_its_error(status: int, kind: type[UpstreamError]) -> None:
    reply = FakeReply([b'{"error":{"message":"no"}}'], status, [JSON])
    error = failure(FakeTransport(reply))
    assert type(error) is kind
    assert error.provider_status == status


def test_stream_honours_the_wait_that_a_provider_asks_for() -> None:
    reply = FakeReply([b"{}"], 429, [JSON, (b"retry-after", b"7")])
    assert failure(FakeTransport(reply)).retry_after == 7.0


def test_stream_goes_by_the_status_where_the_error_is_too_long_to_be_read() -> None:
    # FastAPI repeats the whole prompt in its 422.
    reply = FakeReply([b"x" * MAX_ERROR_BODY, b"x"], 422, [JSON])
    error = failure(FakeTransport(reply))
    assert type(error) is Rejected
    assert (error.status, error.message) == (422, "Acme rejected the request.")


def test_stream_goes_by_the_status_where_the_error_breaks_off() -> None:
    reply = FakeReply([b'{"error":', UpstreamFailed("reset")], 401, [JSON])
    assert type(failure(FakeTransport(reply))) is Denied


@pytest.mark.parametrize("streaming", [True, False])
def test_stream_refuses_a_page_in_place_of_an_answer(streaming: bool) -> None:
    error = failure(FakeTransport(FakeReply([b"<html>"], 200, [(b"content-type", b"text/html")])))
    assert type(error) is UpstreamFailed
    assert error.retryable
    assert "text/html" in error.message


def test_stream_hands_on_a_document_where_a_stream_was_asked_for() -> None:
    # Translate makes a stream of it.
    got = asyncio.run(taken(stream(FakeTransport(FakeReply([b"{}"], 200, [JSON])))))
    assert got[1:] == [Data(b"{}"), End(NO_USAGE)]
    assert isinstance(got[0], Head)
    assert got[0].media is Media.JSON


def test_stream_reads_so_much_of_a_document_and_no_more() -> None:
    assert (MAX_ERROR_BODY, MAX_WHOLE_BODY) == (65_536, 67_108_864)


def test_stream_reads_no_document_without_end() -> None:
    half = b"x" * (MAX_WHOLE_BODY // 2)
    transport = FakeTransport(FakeReply([half, half, b"x"], 200, [JSON]))
    got: list[Event] = []
    with pytest.raises(UpstreamFailed):
        asyncio.run(taken(stream(transport, streaming=False), got))
    assert [type(event) for event in got] == [Head]


@pytest.mark.parametrize(
    ("kind", "streaming", "media"),
    [
        (b"text/event-stream", False, Media.SSE),
        (b"Text/Event-Stream; charset=utf-8", True, Media.SSE),
        (b"application/json", True, Media.JSON),
        (b"application/json;charset=utf-8", False, Media.JSON),
        (b"application/problem+json", False, Media.JSON),
        (b"text/plain", True, Media.SSE),
        (b"text/plain", False, Media.JSON),
        (b"application/octet-stream", True, Media.SSE),
        (b"text/html", True, Media.BINARY),
        (b"audio/mpeg", False, Media.BINARY),
        (None, True, Media.SSE),
        (None, False, Media.JSON),
    ],
)
def test_media_of_goes_by_the_type_and_else_by_what_was_asked(
    kind: bytes | None, streaming: bool, media: Media
) -> None:
    headers: Headers = [] if kind is None else [(b"x-other", b"1"), (b"content-type", kind)]
    assert media_of(headers, streaming) is media
