"""A good reply leaves as it came, the very same objects where no edit is due."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dialects.openai_gauge import StreamGauge, WholeGauge
from pipelines.errors import Denied, Overloaded, Rejected, UpstreamError, UpstreamFailed
from pipelines.usage import Usage
from tests.builders import DONE, KNOWN_USAGE, a_chunk, a_completion, a_stream, a_usage_chunk, sse
from tests.pipelines.dialects.cuts import Pieces, cut_anywhere
from tests.pipelines.dialects.watching import estimated, good, seen, watched

TRICKY = (
    '"error"',
    '{"error":{"message":"x"}}',
    "error: {}",
    "\nerror: {}\n",
    "data: [DONE]",
    "\n\ndata: [DONE]\n\n",
    "[DONE]",
    '"usage":{"prompt_tokens":1}',
    '"usage": {',
    '"finish_reason":"stop"',
    "\r\n\r\n",
    "\u2028\u2029\x85",
    "日本語 🙂",
)
FOR_AZURE: dict[str, Any] = {
    "choices": [],
    "prompt_filter_results": [{"prompt_index": 0}],
    "usage": None,
}


def whole_gauge(holds: str = "choices") -> WholeGauge:
    return WholeGauge("Acme", holds, 7)


def test_a_document_is_passed_on_as_the_very_same_object() -> None:
    gauge, raw = whole_gauge(), a_completion()
    assert gauge.watch(raw) is raw
    assert gauge.close() == b""
    assert gauge.usage == KNOWN_USAGE
    assert gauge.fault is None


@pytest.mark.parametrize("usage", [None, {}, [], "many"])
def test_a_document_without_usage_is_estimated(usage: object) -> None:
    raw = a_completion(usage=usage)
    gauge = whole_gauge()
    gauge.watch(raw)
    assert gauge.usage == Usage(7, len(raw) // 4, estimated=True)


def test_a_vector_without_usage_has_no_completion() -> None:
    gauge = whole_gauge("data")
    gauge.watch(b'{"data":[{"embedding":[0.1]}]}')
    assert gauge.usage == Usage(7, 0, estimated=True)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b'{"choices":[',
        b'{"choices":["\xff"]}',
        b'{"choices":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b"[]",
        b"null",
        b"{}",
        b'{"choices":null}',
        b'{"choices":{}}',
        b'{"object":"list","data":[]}',
    ],
)
def test_what_is_no_answer_is_a_failure_that_may_be_tried_again(raw: bytes) -> None:
    with pytest.raises(UpstreamFailed) as raised:
        whole_gauge().watch(raw)
    assert raised.value.retryable
    assert raised.value.message.startswith("Acme answered with ")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "no"}, UpstreamFailed),
        ("no", UpstreamFailed),
        ({"message": "no", "code": 400}, Rejected),
        ({"message": "no", "code": "429"}, Overloaded),
        ({"message": "no", "code": 401}, Denied),
    ],
)
def test_an_error_with_a_good_status_is_an_error(error: object, kind: type[UpstreamError]) -> None:
    with pytest.raises(UpstreamError) as raised:
        whole_gauge().watch(orjson.dumps({"error": error, "choices": None}))
    assert type(raised.value) is kind


def test_an_error_that_is_null_is_none() -> None:
    raw = a_completion(error=None)
    assert whole_gauge().watch(raw) is raw


@pytest.mark.parametrize("cut_usage", [True, False])
def test_a_read_of_whole_events_is_the_very_same_object(cut_usage: bool) -> None:
    gauge = StreamGauge("Acme", cut_usage, 7)
    reads = [
        sse(a_chunk("a")),
        sse(a_chunk("b"), a_chunk("c", usage=None)),
        sse(a_chunk("d")).replace(b"\n", b"\r\n"),
        b": keep-alive\n\n",
        sse(a_chunk(None, "stop")),
        sse({**a_chunk("e"), "usage": {"prompt_tokens": 1}}),
        DONE,
    ]
    assert [id(gauge.watch(raw)) for raw in reads] == [id(raw) for raw in reads]
    assert gauge.close() == b""


def test_a_stream_is_passed_on_wherever_it_is_cut() -> None:
    raw = a_stream("a", "日本語", "🙂", usage=False)
    assert estimated(seen(raw)).given == raw
    assert estimated(seen(raw, cut_usage=False)).given == raw


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_a_stream_may_end_its_lines_otherwise(end: bytes) -> None:
    raw = a_stream("a", "b").replace(b"\n", end)
    assert seen(raw, cut_usage=False) == good(raw, KNOWN_USAGE)
    told = sse(a_usage_chunk()).replace(b"\n", end)
    assert seen(raw) == good(raw.replace(told, b""), KNOWN_USAGE)


def test_a_stream_may_mix_its_line_ends() -> None:
    before = sse(a_chunk("a")).replace(b"\n", b"\r") + sse(a_chunk(None, "stop"))
    told = sse(a_usage_chunk()).replace(b"\n", b"\r\n")
    assert seen(before + told + DONE) == good(before + DONE, KNOWN_USAGE)


def test_a_stream_may_have_all_that_the_standard_knows() -> None:
    chunk = orjson.dumps(a_chunk("a"), option=orjson.OPT_INDENT_2)
    lines = b"".join(b"data: " + line + b"\n" for line in chunk.splitlines())
    raw = (
        b"\xef\xbb\xbf: hello\n\nevent: message\nid: 1\nretry: 10\n"
        + lines
        + b"\n\n\n:\n\n"
        + sse(a_chunk(None, "stop")).replace(b"data: ", b"data:")
        + b"data:[DONE]\n\n"
    )
    assert estimated(seen(raw)).given == raw


def test_a_byte_order_mark_does_not_hide_the_first_event() -> None:
    raw = b"\xef\xbb\xbf" + sse(a_chunk("a", "stop"))
    assert estimated(seen(raw)).given == raw + DONE


def test_azures_first_chunk_is_kept() -> None:
    raw = sse(FOR_AZURE) + a_stream("a", usage=False)
    assert estimated(seen(raw)).given == raw
    told = sse(FOR_AZURE) + a_stream("a")
    assert seen(told) == good(raw, KNOWN_USAGE)


@pytest.mark.parametrize("words", TRICKY)
def test_words_of_the_protocol_inside_an_answer_mean_nothing(words: str) -> None:
    delta = {"content": words, "tool_calls": [{"function": {"arguments": words}}]}
    chunk = {"choices": [{"delta": delta, "finish_reason": None}], "error": None}
    raw = sse(chunk) + a_stream("a", usage=False)
    assert estimated(seen(raw, ways=[[raw], [sse(chunk), raw[len(sse(chunk)) :]]])).given == raw
    cut = watched([sse(chunk)])
    assert (cut.given, cut.code) == (sse(chunk), "upstream_truncated")


@pytest.mark.parametrize("length", range(180, 300))
def test_an_end_mark_inside_an_answer_ends_nothing_wherever_it_stands(length: int) -> None:
    chunk = sse(a_chunk("x data: [DONE]" + "y" * length))
    assert watched([chunk]).code == "upstream_truncated"


@given(
    cut_anywhere(st.lists(st.sampled_from(TRICKY), max_size=5).map(lambda words: a_stream(*words)))
)
def test_a_cut_anywhere_changes_nothing(cut: tuple[bytes, Pieces]) -> None:
    raw, pieces = cut
    assert watched(pieces, cut_usage=False) == good(raw, KNOWN_USAGE)
    assert watched(pieces) == good(raw.replace(sse(a_usage_chunk()), b""), KNOWN_USAGE)
