"""Usage is found wherever a provider tells it, cut out only where the gateway asked for it, and
estimated where nobody told it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.openai_gauge import StreamGauge
from pipelines.usage import Usage
from tests.builders import DONE, KNOWN_USAGE, USAGE, a_chunk, a_stream, a_usage_chunk, sse
from tests.pipelines.dialects.watching import estimated, good, seen, watched

SAID = sse(a_chunk("a"), a_chunk("b"))
FINISH = sse(a_chunk(None, "stop"))
TOLD = sse(a_usage_chunk())


def test_the_usage_event_is_cut_out_where_the_gateway_asked() -> None:
    assert seen(SAID + FINISH + TOLD + DONE) == good(SAID + FINISH + DONE, KNOWN_USAGE)


def test_the_usage_event_is_kept_where_the_client_asked() -> None:
    raw = SAID + FINISH + TOLD + DONE
    assert seen(raw, cut_usage=False) == good(raw, KNOWN_USAGE)


def test_usage_beside_a_choice_is_read_and_kept() -> None:
    raw = SAID + sse(a_chunk("c", "stop", usage=USAGE)) + DONE
    assert seen(raw) == seen(raw, cut_usage=False) == good(raw, KNOWN_USAGE)


def test_usage_that_grows_with_every_chunk_counts_at_its_last() -> None:
    grown = [a_chunk("a", usage={**USAGE, "completion_tokens": count}) for count in range(12)]
    raw = sse(*grown, a_chunk("b", "stop", usage=USAGE)) + DONE
    assert seen(raw) == seen(raw, cut_usage=False) == good(raw, KNOWN_USAGE)


def test_usage_told_twice_counts_once_and_at_its_last() -> None:
    # As Groq: beside the finish reason, and in an event of its own.
    early = {**USAGE, "completion_tokens": 1}
    raw = SAID + sse(a_chunk(None, "stop", usage=early)) + TOLD + DONE
    assert seen(raw) == good(raw.replace(TOLD, b""), KNOWN_USAGE)
    assert seen(raw, cut_usage=False) == good(raw, KNOWN_USAGE)


def test_groqs_own_field_is_read_where_there_is_no_other() -> None:
    raw = SAID + sse(a_chunk(None, "stop", x_groq={"id": "r", "usage": USAGE})) + DONE
    assert seen(raw) == seen(raw, cut_usage=False) == good(raw, KNOWN_USAGE)


def test_groqs_own_field_gives_way_to_the_usual_one() -> None:
    other = {**USAGE, "completion_tokens": 99}
    raw = SAID + sse(a_chunk(None, "stop", x_groq={"usage": other})) + TOLD + DONE
    assert seen(raw) == good(raw.replace(TOLD, b""), KNOWN_USAGE)
    both = SAID + sse(a_chunk(None, "stop", x_groq={"usage": other}, usage=USAGE)) + DONE
    assert seen(both) == seen(both, cut_usage=False) == good(both, KNOWN_USAGE)


def spaced(value: dict[str, Any]) -> bytes:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).replace(b"\n", b" ")
    return b"data: " + text.replace(b'": ', b'" : ') + b"\n\n"


def test_blanks_in_the_json_do_not_hide_it() -> None:
    told = spaced(a_usage_chunk())
    assert seen(SAID + FINISH + told + DONE) == good(SAID + FINISH + DONE, KNOWN_USAGE)


def test_usage_over_several_data_lines_is_cut_out_whole() -> None:
    lines = orjson.dumps(a_usage_chunk(), option=orjson.OPT_INDENT_2).splitlines()
    told = b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
    assert seen(SAID + FINISH + told + DONE) == good(SAID + FINISH + DONE, KNOWN_USAGE)


def test_usage_without_any_choices_is_cut_out_too() -> None:
    told = sse({"id": "c1", "usage": USAGE}, {"choices": None, "usage": USAGE})
    assert seen(SAID + FINISH + told + DONE) == good(SAID + FINISH + DONE, KNOWN_USAGE)


@pytest.mark.parametrize("usage", [None, {}, [], "none", {"total_time": 1}])
def test_what_tells_no_usage_stays(usage: object) -> None:
    raw = sse(a_chunk("a", usage=usage), {"choices": [], "usage": usage}) + FINISH + DONE
    assert estimated(seen(raw)).given == raw


def test_usage_null_on_every_chunk_is_kept_beside_the_one_that_is_cut() -> None:
    said = sse(*(a_chunk(word, usage=None) for word in "abc"), a_chunk(None, "stop", usage=None))
    assert seen(said + TOLD + DONE) == good(said + DONE, KNOWN_USAGE)


def test_usage_cut_from_the_middle_of_a_read_leaves_what_stands_around_it() -> None:
    raw = SAID + b": ping\n\n" + TOLD + FINISH + TOLD + b": pong\n\n" + DONE
    assert seen(raw).given == raw.replace(TOLD, b"")


def test_usage_before_the_finish_reason_is_found_too() -> None:
    raw = SAID + TOLD + FINISH + DONE
    assert seen(raw) == good(raw.replace(TOLD, b""), KNOWN_USAGE)
    assert seen(raw, cut_usage=False) == good(raw, KNOWN_USAGE)


def test_usage_that_came_early_is_not_forgotten() -> None:
    early = sse(a_chunk("a", usage=USAGE))
    raw = early + sse(*map(a_chunk, "bcdefghijklmnop")) + FINISH + DONE
    assert seen(raw) == good(raw, KNOWN_USAGE)


def test_usage_is_found_behind_any_number_of_comments() -> None:
    raw = SAID + FINISH + TOLD + b": keep-alive\n\n" * 20 + DONE
    assert seen(raw, cut_usage=False) == good(raw, KNOWN_USAGE)


def test_usage_in_the_last_event_counts_without_its_blank_line() -> None:
    raw = SAID + sse(a_chunk("c", "stop", usage=USAGE)).rstrip(b"\n")
    assert seen(raw, cut_usage=False) == good(raw + b"\n\n" + DONE, KNOWN_USAGE)
    assert seen(SAID + FINISH + TOLD.rstrip(b"\n")) == good(SAID + FINISH + DONE, KNOWN_USAGE)


def test_usage_is_known_as_far_as_it_goes_while_the_stream_runs() -> None:
    gauge = StreamGauge("Acme", False, 7)
    gauge.watch(sse(a_chunk("a", usage={**USAGE, "completion_tokens": 1, "total_tokens": 10})))
    assert gauge.usage == Usage(9, 1)
    gauge.watch(sse(a_chunk("b", usage=USAGE)))
    assert gauge.usage == KNOWN_USAGE


def test_usage_that_nobody_told_is_estimated_at_a_token_an_event() -> None:
    gauge = StreamGauge("Acme", True, 7)
    assert gauge.usage == Usage(0, 0, estimated=True)
    for word in "abcdefghijklmnop":
        gauge.watch(sse(a_chunk(word)))
    assert gauge.usage == Usage(7, 16, estimated=True)


def test_an_estimate_of_a_long_stream_comes_near() -> None:
    words = [f"word{number}" for number in range(500)]
    raw = b"".join(sse(a_chunk(word)) for word in words) + FINISH + DONE
    for pieces in ([raw], [raw[at : at + 999] for at in range(0, len(raw), 999)]):
        usage = watched(pieces).usage
        assert usage.estimated
        assert 450 < usage.completion_tokens < 550


def test_comments_are_no_tokens() -> None:
    gauge = StreamGauge("Acme", True, 7)
    gauge.watch(sse(a_chunk("a")))
    for _ in range(100):
        gauge.watch(b": OPENROUTER PROCESSING\n\n")
    assert gauge.usage == Usage(7, 1, estimated=True)


def test_a_report_wins_over_every_estimate() -> None:
    assert seen(a_stream(*"abc")).usage == KNOWN_USAGE
