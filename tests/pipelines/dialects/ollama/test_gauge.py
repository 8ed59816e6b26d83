"""A reply that passes untouched is watched for its counts, its errors and its end."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
import pytest

from pipelines.dialects.frames import MAX_LINE
from pipelines.dialects.ollama.gauge import OllamaStreamGauge, OllamaWholeGauge
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import Usage
from tests.builders import a_call
from tests.pipelines.dialects.cuts import every_way

WORD = b'{"model":"m","message":{"role":"assistant","content":"hi"},"done":false}\n'
CALL = (
    b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":{"done":true,"error":"x"}}}]},'
    b'"done":false}\n'
)
LAST = b'{"message":{"content":""},"done":true,"prompt_eval_count":9,"eval_count":12}\n'
ERROR = b'{"error":"an error was encountered while running the model"}\n'


def watched(pieces: Iterable[bytes]) -> tuple[bytes, UpstreamError | None, Usage]:
    gauge = OllamaStreamGauge("Ollama", 7)
    given, error = b"", None
    try:
        for piece in pieces:
            given += gauge.watch(piece)
            if gauge.fault is not None:
                raise gauge.fault
        given += gauge.close()
    except UpstreamError as raised:
        error = raised
    return given, error, gauge.usage


def seen(raw: bytes) -> tuple[bytes, UpstreamError | None, Usage]:
    given, error, usage = watched([raw])
    for pieces in every_way(raw):
        cut = watched(pieces)
        assert cut[0] == given
        assert type(cut[1]) is type(error)
        assert cut[2] == usage or usage.estimated
    return given, error, usage


def test_a_good_stream_passes_untouched_wherever_it_is_cut() -> None:
    raw = WORD + CALL + LAST
    assert seen(raw) == (raw, None, Usage(9, 12))


def test_a_read_of_whole_lines_is_the_very_same_object() -> None:
    gauge = OllamaStreamGauge("Ollama", 7)
    assert gauge.watch(WORD) is WORD


def test_a_last_line_may_lack_its_end() -> None:
    given, error, usage = seen(WORD + LAST.rstrip())
    assert (given, error, usage) == (WORD + LAST, None, Usage(9, 12))


def test_an_error_first_of_all_is_raised_so_that_another_may_serve() -> None:
    given, error, _ = seen(ERROR)
    assert given == b""
    assert isinstance(error, UpstreamFailed)


def test_an_error_later_ends_the_stream_after_what_was_good() -> None:
    given, error, usage = seen(WORD + ERROR + LAST)
    assert given == WORD
    assert isinstance(error, StreamBroken)
    assert usage.estimated


@pytest.mark.parametrize("raw", [WORD, WORD + CALL, WORD + LAST[:20]])
def test_a_stream_that_was_cut_is_broken(raw: bytes) -> None:
    _, error, usage = seen(raw)
    assert isinstance(error, StreamBroken)
    assert usage.estimated
    assert usage.prompt_tokens == 7


@pytest.mark.parametrize("raw", [b"", b"\n"])
def test_a_stream_that_never_began_may_be_tried_elsewhere(raw: bytes) -> None:
    _, error, usage = watched([raw])
    assert isinstance(error, UpstreamFailed)
    assert usage == Usage(estimated=True)


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    gauge = OllamaStreamGauge("Ollama", 7)
    with pytest.raises(StreamBroken, match="8 MiB"):
        for _ in range(9):
            gauge.watch(b"x" * (MAX_LINE // 8))


def whole(raw: bytes) -> OllamaWholeGauge:
    gauge = OllamaWholeGauge("Ollama", 7, ("message", "response", "done"))
    assert gauge.watch(raw) is raw
    assert gauge.close() == b""
    return gauge


def test_a_document_passes_untouched_and_is_counted() -> None:
    assert whole(LAST).usage == Usage(9, 12)


def test_a_document_without_counts_is_estimated() -> None:
    usage = whole(orjson.dumps({"response": "x" * 400, "done": True})).usage
    assert (usage.prompt_tokens, usage.estimated) == (7, True)
    assert usage.completion_tokens > 100


@pytest.mark.parametrize("raw", [ERROR, b"{}", b"[]", b"<html>", b'{"choices":[]}'])
def test_what_is_no_answer_is_the_providers_failure(raw: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        OllamaWholeGauge("Ollama", 7, ("message", "response", "done")).watch(raw)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (WORD, {"message": {"role": "assistant", "content": ""}}),
        (b'{"model":"m","response":"hi","done":false}\n', {"response": ""}),
    ],
)
def test_a_stream_that_is_cut_short_ends_in_a_line_that_says_so(
    word: bytes, said: dict[str, object]
) -> None:
    gauge = OllamaStreamGauge("Ollama", 7)
    gauge.watch(word + word[:9])
    tail = orjson.loads(gauge.cut_short(a_call()))
    assert tail | {"model": "m", "done": True, "done_reason": "length", **said} == tail
    assert tail["prompt_eval_count"] == 7
    gauge.watch(word[9:] + LAST)
    assert gauge.cut_short(a_call()) == b""
