"""The watchers of replies that pass as they are."""

from __future__ import annotations

import orjson
import pytest

from pipelines.dialects.gemini.gauge import GeminiStreamGauge, GeminiWholeGauge
from pipelines.errors import Overloaded, StreamBroken, UpstreamFailed
from pipelines.operations import GENERATE
from tests.builders import a_call

WORDS = b'data: {"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}\r\n\r\n'
LAST = (
    b'data: {"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":2,'
    b'"candidatesTokenCount":1,"totalTokenCount":3}}\r\n\r\n'
)
ERROR = b'data: {"error":{"code":503,"message":"Busy"}}\r\n\r\n'


def test_bytes_pass_untouched_and_usage_is_read() -> None:
    gauge = GeminiStreamGauge("Google", 9)
    assert gauge.watch(WORDS) is WORDS
    assert gauge.usage.estimated
    assert gauge.watch(LAST) is LAST
    assert gauge.close() == b""
    assert (gauge.usage.prompt_tokens, gauge.usage.completion_tokens) == (2, 1)


def test_a_first_event_that_is_an_error_is_raised() -> None:
    with pytest.raises(Overloaded):
        GeminiStreamGauge("Google", 9).watch(ERROR)


def test_what_stood_before_an_error_is_passed_on() -> None:
    gauge = GeminiStreamGauge("Google", 9)
    assert gauge.watch(WORDS + ERROR) == WORDS
    assert isinstance(gauge.fault, StreamBroken)


@pytest.mark.parametrize("said", [WORDS, WORDS + LAST[:40]])
def test_a_stream_without_its_end_is_broken(said: bytes) -> None:
    gauge = GeminiStreamGauge("Google", 9)
    gauge.watch(said)
    with pytest.raises(StreamBroken):
        gauge.close()


def test_a_stream_without_an_event_has_failed() -> None:
    with pytest.raises(UpstreamFailed):
        GeminiStreamGauge("Google", 9).close()


def test_a_document_is_watched() -> None:
    gauge = GeminiWholeGauge("Google", 9)
    raw = orjson.dumps({"candidates": [], "usageMetadata": {"totalTokenCount": 3}})
    assert gauge.watch(raw) is raw
    assert gauge.close() == b""
    with pytest.raises(Overloaded):
        gauge.watch(b'{"error":{"code":429}}')
    with pytest.raises(UpstreamFailed):
        gauge.watch(b"{}")


def test_a_stream_that_is_cut_short_says_so_for_every_candidate() -> None:
    call = a_call(
        orjson.dumps({"contents": [], "generationConfig": {"candidateCount": 2}}),
        GENERATE,
        path_model="gemini",
    )
    gauge = GeminiStreamGauge("Google", 9)
    gauge.watch(
        WORDS.replace(b'{"cand', b'{"responseId":"r","usageMetadata":{"promptTokenCount":3},"cand')
    )
    tail = orjson.loads(gauge.cut_short(call).removeprefix(b"data: "))
    assert [(one["index"], one["finishReason"]) for one in tail["candidates"]] == [
        (0, "MAX_TOKENS"),
        (1, "MAX_TOKENS"),
    ]
    assert (tail["responseId"], tail["modelVersion"]) == ("r", "gemini")
    assert tail["usageMetadata"]["promptTokenCount"] == 3
    gauge.watch(LAST)
    assert gauge.cut_short(call) == b""
