"""An error in a stream is a failure before the first event and a break after it, wherever the
stream is cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.dialects.openai_gauge import StreamGauge
from pipelines.dialects.sse import MAX_EVENT
from pipelines.errors import (
    Denied,
    Overloaded,
    Rejected,
    StreamBroken,
    UpstreamError,
    UpstreamFailed,
)
from tests.builders import DONE, USAGE, a_chunk, a_stream, a_usage_chunk, sse
from tests.pipelines.dialects.watching import Seen, seen, watched

PING = b": keep-alive\n\n"
GOOD = sse(a_chunk("a"), a_chunk("b"))
NO = {"message": "overloaded", "type": "server_error", "code": 529}


def named(value: object) -> bytes:
    return b"event: error\n" + sse(value)


def bare(value: object) -> bytes:
    return sse(value).replace(b"data: ", b"error: ")


def tight(value: object) -> bytes:
    return sse(value).replace(b"data: ", b"error:")


FORMS: dict[str, Callable[[Any], bytes]] = {
    "object": lambda error: sse({"error": error}),
    "named": lambda error: named({"error": error}),
    "typed": lambda error: named({"type": "error", "error": error}),
    "choice": lambda error: sse(a_chunk("", "error", error=error)),
    "bare": bare,
    "bare and wrapped": lambda error: bare({"error": error}),
    "bare and tight": tight,
    "crlf": lambda error: sse({"error": error}).replace(b"\n", b"\r\n"),
    "cr": lambda error: sse({"error": error}).replace(b"\n", b"\r"),
    "several lines": lambda error: sse({"error": error}).replace(
        b'{"error":', b'{"error":\ndata: '
    ),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


def failed(raw: bytes) -> UpstreamError:
    """The error of a stream that gives nothing, wherever it is cut."""
    got = seen(raw)
    assert got.given == b""
    assert got.error is not None
    assert not isinstance(got.error, StreamBroken)
    return got.error


def broken(raw: bytes) -> Seen:
    """What comes of a stream that breaks, wherever it is cut."""
    got = seen(raw)
    assert isinstance(got.error, StreamBroken)
    return got


@every_form
def test_an_error_as_the_first_event_may_be_tried_again_and_gives_nothing(
    form: Callable[[Any], bytes],
) -> None:
    error = failed(form(NO) + DONE)
    assert type(error) is Overloaded
    assert (error.status, error.retryable) == (503, True)


@every_form
def test_comments_before_an_error_do_not_commit(form: Callable[[Any], bytes]) -> None:
    assert failed(PING + b": OPENROUTER PROCESSING\n\n" + form(NO)).retryable


@every_form
def test_an_error_in_the_middle_breaks_the_stream_after_what_stood_before_it(
    form: Callable[[Any], bytes],
) -> None:
    got = broken(GOOD + form(NO) + sse(a_chunk("never")) + DONE)
    assert got.given == GOOD
    assert got.error is not None
    assert got.error.message == "Acme is overloaded (529); please try again."
    assert not got.error.retryable


@every_form
def test_an_error_right_behind_the_first_event_is_one_in_the_middle(
    form: Callable[[Any], bytes],
) -> None:
    first = PING + sse(a_chunk("a"))
    assert broken(first + form(NO)).given == first


@every_form
def test_an_error_at_the_end_needs_no_blank_line(form: Callable[[Any], bytes]) -> None:
    for cut in (b"", b"\n"):
        raw = form(NO).rstrip(b"\r\n") + cut
        assert type(failed(raw)) is Overloaded
        got = broken(GOOD + raw)
        assert got.given == GOOD
        assert got.error is not None
        assert "overloaded" in got.error.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("no", UpstreamFailed),
        ({"message": "no"}, UpstreamFailed),
        ({"message": "no", "code": "server_error"}, UpstreamFailed),
        ({"message": "no", "code": 400}, Rejected),
        ({"message": "no", "status_code": 429}, Overloaded),
        ({"message": "no", "code": 401}, Denied),
        ({"message": "no", "code": "insufficient_quota"}, Denied),
    ],
)
def test_an_error_is_worth_another_try_unless_it_says_otherwise(
    error: object, kind: type[UpstreamError]
) -> None:
    assert type(failed(sse({"error": error}) + DONE)) is kind


@pytest.mark.parametrize("value", [None, {}, "", [], False, 0])
def test_an_empty_error_is_none(value: object) -> None:
    raw = sse(a_chunk("a", error=value)) + a_stream("b", usage=False)
    assert seen(raw).given == raw


def test_an_error_deep_in_a_chunk_is_the_clients_to_read() -> None:
    raw = sse({"choices": [{"delta": {}, "error": NO}]}) + a_stream("b", usage=False)
    assert seen(raw).given == raw


def test_a_stream_that_only_ends_never_began() -> None:
    for raw in (b"", PING, PING * 5, b"\n\n", b"event: ping\n\n", b": half a com"):
        assert type(failed(raw)) is UpstreamFailed


@pytest.mark.parametrize(
    "raw", [b'{"error":{"message":"no"}}', b"<html>", b"data", b'data: {"cho', b"data: {not json"]
)
def test_what_is_no_event_at_all_never_began(raw: bytes) -> None:
    error = failed(raw)
    assert type(error) is UpstreamFailed
    assert "before its first event" in error.message


def test_an_endless_event_is_given_up_at_eight_mebibytes() -> None:
    gauge = StreamGauge("Acme", True, 7)
    assert gauge.watch(GOOD) is GOOD
    gauge.watch(b"data: " + b"x" * (MAX_EVENT - 6))
    with pytest.raises(StreamBroken, match="over 8 MiB"):
        gauge.watch(b"x")


def test_an_endless_first_event_may_be_tried_elsewhere() -> None:
    gauge = StreamGauge("Acme", True, 7)
    with pytest.raises(UpstreamFailed, match="over 8 MiB"):
        gauge.watch(b"x" * (MAX_EVENT + 1))


def test_endless_comments_are_given_up_too() -> None:
    gauge = StreamGauge("Acme", True, 7)
    comment = b":" + b"x" * (1 << 20) + b"\n\n"
    with pytest.raises(UpstreamFailed, match="over 8 MiB"):
        for _ in range(20):
            gauge.watch(comment)


def test_an_error_hides_no_usage_that_was_told_before() -> None:
    raw = GOOD + sse(a_chunk("c", usage=USAGE)) + sse({"error": NO})
    got = watched([raw])
    assert (got.usage.prompt_tokens, got.usage.estimated) == (9, False)
    told = watched([GOOD + sse(a_usage_chunk(), {"error": NO})])
    assert told.given == GOOD
    assert not told.usage.estimated


def test_secrets_in_an_error_are_taken_out() -> None:
    secret = "sk-proj-0123456789abcdef"
    raw = sse({"error": {"message": f"bad key {secret}", "code": 400}})
    assert secret not in failed(raw).message
    got = broken(GOOD + raw)
    assert secret not in str(got.error)
