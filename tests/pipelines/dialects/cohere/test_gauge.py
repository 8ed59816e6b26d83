"""Cohere's replies pass as they are, and are understood on the way."""

from __future__ import annotations

import orjson
import pytest

from pipelines.deltas import Begin, Consumed, Delta, Finish, TextDelta
from pipelines.dialects.cohere.gauge import CohereStreamGauge, CohereWholeGauge
from pipelines.dialects.cohere.writer import CohereStreamWriter, CohereWholeWriter
from pipelines.dialects.frames import SseFrames
from pipelines.errors import StreamBroken, UpstreamFailed
from pipelines.usage import Usage
from tests.builders import DONE, a_call, sse
from tests.pipelines.dialects.cuts import every_way

REPLY: list[Delta] = [
    Begin("id"),
    TextDelta("Hello, my friend"),
    Finish("stop"),
    Consumed(Usage(7, 3)),
]


def a_stream() -> bytes:
    writer = CohereStreamWriter("own")
    return writer.write(REPLY) + writer.close()


def test_a_stream_passes_wherever_it_is_cut() -> None:
    raw = a_stream()
    for pieces in every_way(raw):
        gauge = CohereStreamGauge("Cohere", 5)
        assert b"".join(map(gauge.watch, pieces)) + gauge.close() == raw
        assert gauge.usage == Usage(7, 3)
        assert gauge.fault is None


def test_a_stream_without_its_end_is_broken() -> None:
    raw = a_stream()
    gauge = CohereStreamGauge("Cohere", 5)
    part = raw[: raw.index(b"event: content-end")]
    assert gauge.watch(part) == part
    assert gauge.usage.estimated
    with pytest.raises(StreamBroken):
        gauge.close()


def test_a_stream_that_never_began_is_a_failure() -> None:
    with pytest.raises(UpstreamFailed):
        CohereStreamGauge("Cohere", 5).close()


def test_an_error_in_the_midst_ends_what_is_passed() -> None:
    raw = a_stream()
    good = raw[: raw.index(b"event: content-end")]
    bad = b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"ERROR"}}\n\n'
    gauge = CohereStreamGauge("Cohere", 5)
    assert gauge.watch(good + bad) == good
    assert isinstance(gauge.fault, StreamBroken)


def test_an_error_at_first_is_raised() -> None:
    with pytest.raises(UpstreamFailed):
        CohereStreamGauge("Cohere", 5).watch(b'data: {"message":"internal error"}\n\n')


def test_a_document_passes_and_is_counted() -> None:
    writer = CohereWholeWriter("own")
    writer.write(REPLY)
    raw = writer.close()
    gauge = CohereWholeGauge("Cohere", 5)
    assert gauge.watch(raw) is raw
    assert (gauge.usage, gauge.close(), gauge.fault) == (Usage(7, 3), b"", None)


def test_a_document_without_counts_is_estimated() -> None:
    gauge = CohereWholeGauge("Cohere", 5)
    gauge.watch(orjson.dumps({"message": {"content": []}, "finish_reason": "COMPLETE"}))
    assert gauge.usage.estimated


@pytest.mark.parametrize("raw", [b"oops", b"[]", b'{"message":"no"}'])
def test_what_is_no_answer_is_a_failure(raw: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        CohereWholeGauge("Cohere", 5).watch(raw)


def test_what_makes_no_sense_passes_in_a_stream_and_is_no_document() -> None:
    odd = b'event: message-end\ndata: {"type":"message-end","delta":5}\n\n'
    odd += b'data: {"type":["message-start"],"id":"x"}\n\n'
    assert CohereStreamGauge("Cohere", 5).watch(odd) == odd
    with pytest.raises(UpstreamFailed):
        CohereWholeGauge("Cohere", 5).watch(b'{"id":"x","message":{"content":5}}')


@pytest.mark.parametrize(
    ("last", "closes"),
    [
        ({"type": "content-delta", "index": 3}, {"type": "content-end", "index": 3}),
        ({"type": "tool-call-start", "index": 1}, {"type": "tool-call-end", "index": 1}),
        ({"type": "content-end", "index": 3}, None),
        ({"type": "tool-plan-delta"}, None),
    ],
)
def test_a_stream_that_is_cut_short_closes_what_is_open(
    last: dict[str, object], closes: dict[str, object] | None
) -> None:
    gauge = CohereStreamGauge("Cohere", 5)
    gauge.watch(sse({"type": "message-start", "id": "x", "delta": {}}, last))
    tail = gauge.cut_short(a_call())
    values = [value for _, value in SseFrames().feed(tail)]
    end = values.pop()
    assert values == ([closes] if closes else [])
    assert end["delta"]["finish_reason"] == "MAX_TOKENS"
    assert tail.endswith(DONE)
