"""A stream ends well only where its provider said so, wherever it is cut."""

from __future__ import annotations

import pytest

from pipelines.errors import StreamBroken
from tests.builders import DONE, KNOWN_USAGE, a_chunk, a_usage_chunk, sse
from tests.pipelines.dialects.watching import estimated, seen

SAID = sse(a_chunk("a"), a_chunk("b"))
FINISH = sse(a_chunk(None, "stop"))
TOLD = sse(a_usage_chunk())
PING = b": keep-alive\n\n"


def given(raw: bytes, cut_usage: bool = True) -> bytes:
    """What a client gets of a stream that ends well."""
    got = seen(raw, cut_usage)
    assert got.error is None
    return got.given


def broken(raw: bytes) -> tuple[bytes, str | None]:
    """What a client gets of a stream that breaks, and the code of its error."""
    got = seen(raw)
    assert isinstance(got.error, StreamBroken)
    assert got.error.message.endswith("; the answer is incomplete.")
    return got.given, got.code


def test_an_end_mark_is_an_end_even_without_a_finish_reason() -> None:
    # As Snowflake.
    assert given(SAID + DONE) == SAID + DONE


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "eos"])
def test_the_end_mark_is_added_where_only_that_is_missing(reason: str) -> None:
    raw = SAID + sse(a_chunk(None, reason))
    assert given(raw) == raw + DONE


def test_the_end_mark_is_added_behind_usage_that_was_cut_out() -> None:
    got = seen(SAID + FINISH + TOLD)
    assert got.given == SAID + FINISH + DONE
    assert got.usage == KNOWN_USAGE
    assert given(SAID + FINISH + TOLD, cut_usage=False) == SAID + FINISH + TOLD + DONE


def test_the_end_mark_is_added_behind_any_number_of_comments() -> None:
    raw = SAID + FINISH + PING * 20
    assert given(raw) == raw + DONE


def test_the_end_mark_is_never_doubled() -> None:
    for raw in (
        SAID + FINISH + DONE,
        SAID + FINISH + DONE + PING,
        SAID + FINISH + DONE + PING * 9,
        SAID + FINISH + DONE + b"\n",
        SAID + FINISH + DONE.replace(b"\n", b"\r\n"),
        SAID + FINISH + b"data:[DONE]\n\n",
        SAID + FINISH + b"event: done\ndata: [DONE]\n\n",
    ):
        assert given(raw) == raw


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n"])
def test_an_end_mark_without_its_blank_line_is_one(end: bytes) -> None:
    raw = SAID + FINISH + end
    assert given(raw) == raw


def test_an_end_mark_alone_is_an_answer_of_nothing() -> None:
    assert given(DONE) == DONE
    assert given(b"data: [DONE]") == b"data: [DONE]"


def test_what_follows_the_end_mark_no_longer_matters() -> None:
    for rest in (b": half a comm", b"data: half", b"\r", b"\n\n"):
        assert given(SAID + FINISH + DONE + rest).startswith(SAID + FINISH + DONE)


def test_neither_mark_nor_reason_is_a_cut() -> None:
    assert broken(SAID) == (SAID, "upstream_truncated")
    assert broken(SAID + PING) == (SAID + PING, "upstream_truncated")
    assert broken(SAID + TOLD) == (SAID, "upstream_truncated")
    null = sse(a_chunk("c", None))
    assert broken(SAID + null) == (SAID + null, "upstream_truncated")


def test_half_an_event_is_never_passed_on() -> None:
    event = sse(a_chunk("c")).rstrip(b"\n")
    for length in range(1, len(event)):
        got = seen(SAID + event[:length], ways=[])
        assert (got.given, type(got.error)) == (SAID, StreamBroken)
    assert broken(SAID + FINISH + event[:-3])[0] == SAID + FINISH


def test_the_last_event_counts_without_its_blank_line() -> None:
    event = sse(a_chunk("c", "stop"))
    for cut in (event[:-1], event[:-2], event[:-2] + b"\r\n", event[:-2] + b"\r"):
        assert given(SAID + cut) == SAID + cut + b"\n\n" + DONE


def test_the_last_event_without_its_blank_line_may_be_the_only_one() -> None:
    event = sse(a_chunk("c", "stop"))
    assert given(PING + event[:-2]) == PING + event + DONE
    assert given(event[:-2]) == event + DONE
    cut = sse(a_chunk("c"))
    assert broken(PING + cut[:-2])[1] == "upstream_truncated"


def test_a_comment_without_its_blank_line_is_no_half_event() -> None:
    raw = SAID + FINISH + b": bye"
    assert given(raw) == SAID + FINISH + DONE


def test_an_empty_choice_list_finishes_nothing() -> None:
    raw = SAID + sse({"choices": []})
    assert broken(raw) == (raw, "upstream_truncated")


def test_a_finish_reason_of_one_choice_is_enough() -> None:
    # As n=2: the other choice may have been cut, but providers finish them in any order.
    raw = SAID + sse(a_chunk("x", "stop")) + sse(a_chunk("y"))
    assert given(raw) == raw + DONE


def test_a_stream_without_usage_ends_well_all_the_same() -> None:
    assert estimated(seen(SAID + FINISH + DONE)).given == SAID + FINISH + DONE
