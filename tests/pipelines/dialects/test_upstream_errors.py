"""Whatever shape a provider's error has, its meaning and its words are found."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dialects.upstream_errors import (
    Complaint,
    read_complaint,
    retry_after,
    status_in,
    upstream_error,
)
from pipelines.errors import (
    ContentRefused,
    ContextTooLong,
    Denied,
    ModelNotFound,
    Overloaded,
    Rejected,
    UpstreamError,
    UpstreamFailed,
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "errors", "message", "detail", "code", "type", "param", "msg"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def error_for(status: int, body: object = None, *headers: tuple[bytes, bytes]) -> UpstreamError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return upstream_error(status, list(headers), raw, "Acme")


SHAPES: list[tuple[Any, Complaint]] = [
    (
        {"error": {"message": "no", "type": "t", "code": "c", "param": "p"}},
        Complaint("no", "c", "t", "p"),
    ),
    ({"error": {"message": "no", "code": 400, "metadata": {"raw": "x"}}}, Complaint("no", "400")),
    ({"error": {"message": "no", "type": None, "code": None, "param": None}}, Complaint("no")),
    ({"error": "no"}, Complaint("no")),
    ({"error": ["no", "never"]}, Complaint("no")),
    ({"code": "c", "error": "no"}, Complaint("no", "c")),
    (
        {"type": "error", "error": {"type": "t", "message": "no"}, "request_id": "r"},
        Complaint("no", "", "t"),
    ),
    ([{"error": {"code": 400, "message": "no", "status": "S"}}], Complaint("no", "400")),
    ({"message": "no"}, Complaint("no")),
    ({"Message": "no"}, Complaint("no")),
    ({"detail": "no"}, Complaint("no")),
    ({"detail": [{"loc": ["body", "x"], "msg": "no", "type": "t"}]}, Complaint("no", "", "t")),
    ({"detail": {"error": {"message": "no"}}}, Complaint("no")),
    ({"id": "1", "message": "no"}, Complaint("no")),
    ({"errors": [{"message": "no"}]}, Complaint("no")),
    ({"errors": ["no"]}, Complaint("no")),
    ({"error_code": "c", "message": "no"}, Complaint("no", "c")),
    ({"success": False, "errors": [{"code": 7, "message": "no"}]}, Complaint("no", "7")),
    ({"object": "error", "message": "no", "type": "t", "code": 400}, Complaint("no", "400", "t")),
    ({"error": True, "message": "no"}, Complaint("no")),
    ({"error": {"message": {"detail": "no"}}}, Complaint("no")),
    ({"title": "no", "status": 400}, Complaint("no")),
    ({}, Complaint()),
    ([], Complaint()),
    (7, Complaint()),
    (None, Complaint()),
    ({"error": {}}, Complaint()),
    ({"error": None}, Complaint()),
    ({"detail": []}, Complaint()),
    ("no", Complaint("no")),
]


@pytest.mark.parametrize(("body", "complaint"), SHAPES)
def test_a_complaint_is_read_from_every_shape(body: object, complaint: Complaint) -> None:
    assert read_complaint(orjson.dumps(body)) == complaint


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ""),
        (b"upstream connect error", "upstream connect error"),
        (b"  \n no \n", "no"),
        (b"<html><body>502 Bad Gateway</body></html>", ""),
        (b"  <!DOCTYPE html>", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error": "cut off', '{"error": "cut off'),
        (b"x" * 10_000, "x" * 500),
    ],
)
def test_a_complaint_that_is_no_json_is_its_text_but_no_page(body: bytes, words: str) -> None:
    assert read_complaint(body).message == words


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1000 + b"]" * 1000,
        b'{"error":' * 1000 + b"1" + b"}" * 1000,
        b'{"detail":' * 1000 + b'["x"]' + b"}" * 1000,
        b"[" * 100_000,
    ],
)
def test_a_complaint_that_nests_deeply_is_no_complaint(body: bytes) -> None:
    assert len(read_complaint(body).message) <= 500


@given(JSON_VALUES)
def test_no_json_whatever_upsets_the_reader(value: object) -> None:
    complaint = read_complaint(orjson.dumps(value))
    assert isinstance(complaint.message, str)


def test_secrets_are_taken_out_of_all_that_was_said() -> None:
    secret = "sk-proj-0123456789abcdef"
    body = {"error": {"message": f"key {secret}", "type": secret, "code": secret}}
    for raw in (orjson.dumps(body), f"key {secret}".encode()):
        assert secret not in repr(read_complaint(raw))
    assert secret not in error_for(400, body).message


@pytest.mark.parametrize(
    ("status", "kind", "shown", "retryable", "elsewhere"),
    [
        (301, UpstreamFailed, 502, True, True),
        (307, UpstreamFailed, 502, True, True),
        (400, Rejected, 400, False, False),
        (401, Denied, 502, False, True),
        (402, Denied, 502, False, True),
        (403, Denied, 502, False, True),
        (404, ModelNotFound, 404, False, True),
        (405, Rejected, 405, False, False),
        (408, UpstreamFailed, 504, True, True),
        (409, UpstreamFailed, 504, True, True),
        (413, Rejected, 413, False, False),
        (422, Rejected, 422, False, False),
        (425, UpstreamFailed, 504, True, True),
        (429, Overloaded, 429, True, True),
        (498, Overloaded, 503, True, True),
        (500, UpstreamFailed, 502, True, True),
        (502, UpstreamFailed, 502, True, True),
        (503, Overloaded, 503, True, True),
        (504, UpstreamFailed, 504, True, True),
        (524, UpstreamFailed, 502, True, True),
        (529, Overloaded, 503, True, True),
    ],
)
def test_the_status_decides(
    status: int, kind: type[UpstreamError], shown: int, retryable: bool, elsewhere: bool
) -> None:
    error = error_for(status, {"error": {"message": "no"}})
    assert type(error) is kind
    assert (error.status, error.provider_status) == (shown, status)
    assert (error.retryable, error.elsewhere) == (retryable, elsewhere)
    assert "Acme" in error.message


@pytest.mark.parametrize("status", [401, 403, 500, 502, 503, 301])
def test_what_concerns_only_the_operator_is_not_repeated_to_the_client(status: int) -> None:
    body = {"error": {"message": "stack trace of /srv/app with account 4711"}}
    assert "4711" not in error_for(status, body).message


@pytest.mark.parametrize("status", [400, 422, 404, 429])
def test_what_concerns_the_call_is_repeated_to_the_client(status: int) -> None:
    error = error_for(status, {"error": {"message": "temperature must be under 2"}})
    assert error.message.endswith(": temperature must be under 2")
    assert error_for(status, {}).message.endswith(".")


@pytest.mark.parametrize(
    "code", ["insufficient_quota", "billing_hard_limit_reached", "enforced_spend_limit"]
)
def test_no_credit_is_no_rate_limit(code: str) -> None:
    error = error_for(429, {"error": {"message": "pay", "code": code}})
    assert type(error) is Denied
    assert not error.retryable
    assert "no credit" in error.message


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count (1048577) exceeds the maximum number of tokens allowed",
        "Input is too long for requested model.",
        "Too many input tokens.",
        "too many tokens: total number of tokens in the prompt exceeds the limit",
        "This endpoint's maximum context length is 4096 tokens",
        "prompt too long; exceeded max context length by 12 tokens",
    ],
)
def test_a_prompt_that_is_too_long_has_its_own_code(message: str) -> None:
    error = error_for(400, {"error": {"message": message, "code": 400}})
    assert type(error) is ContextTooLong
    assert (error.code, error.status) == ("context_length_exceeded", 400)


@pytest.mark.parametrize(
    "said",
    [
        {"message": "no", "code": "content_filter"},
        {"message": "no", "code": "content_policy_violation"},
        {"message": "The prompt triggered Azure OpenAI's content management policy."},
        {"message": "Output blocked by content filtering policy"},
        {"message": "Your request was rejected as a result of our safety system."},
    ],
)
def test_what_a_filter_refused_is_told_apart(said: dict[str, str]) -> None:
    error = error_for(400, {"error": said})
    assert type(error) is ContentRefused
    assert (error.family, error.elsewhere, error.retryable) == ("content_policy", False, False)


def test_a_body_that_is_too_large_is_no_long_prompt() -> None:
    error = error_for(413, {"error": {"message": "the request exceeds the maximum size"}})
    assert error.code != "context_length_exceeded"


def test_a_rejection_keeps_the_code_and_the_field_of_the_provider() -> None:
    body = {"error": {"message": "no", "code": "invalid_value", "param": "messages[0]"}}
    error = error_for(400, body)
    assert (error.code, error.param) == ("invalid_value", "messages[0]")


def test_a_missing_model_has_openais_code_where_the_provider_has_none() -> None:
    assert error_for(404, {}).code == "model_not_found"
    error = error_for(404, {"error": {"message": "no", "code": "DeploymentNotFound"}})
    assert error.code == "DeploymentNotFound"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([(b"retry-after", b"7")], 7.0),
        ([(b"retry-after", b"0.5")], 0.5),
        ([(b"retry-after", b"0")], 0.0),
        ([(b"retry-after-ms", b"1500")], 1.5),
        ([(b"retry-after", b"7"), (b"retry-after-ms", b"250")], 0.25),
        ([(b"retry-after-ms", b"soon"), (b"retry-after", b"7")], 7.0),
        ([(b"retry-after", b"")], None),
        ([(b"retry-after", b"soon")], None),
        ([(b"retry-after", b"-5")], None),
        ([(b"retry-after", b"1e9")], None),
        ([(b"retry-after", b"9999999999")], None),
        ([(b"retry-after", b"\xff\x00")], None),
        ([(b"retry-after", b"nan")], None),
        ([(b"retry-after", b"Wed, 21 Oct 2015 07:28:00 GMT")], 0.0),
        ([(b"retry-after", b"Wed, 21 Oct 99999999999999999999 07:28:00 GMT")], None),
        ([(b"retry-after", b"Wed, 99 Xxx 2015 99:99:99 GMT")], None),
        ([(b"retry-after", b"Wed, 21 Oct 2015 07:28:00 +9999")], None),
    ],
)
def test_a_wait_is_read_in_every_form(
    headers: list[tuple[bytes, bytes]], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds
    assert error_for(429, {}, *headers).retry_after == seconds


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2))])
def test_a_wait_may_be_a_date(zone: timezone, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    monkeypatch.setattr(time, "time", now.timestamp)
    moment = format_datetime((now + timedelta(seconds=90)).astimezone(zone), usegmt=zone is UTC)
    assert retry_after([(b"retry-after", moment.encode())]) == 90.0


def test_a_date_without_a_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    monkeypatch.setattr(time, "time", now.timestamp)
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert retry_after([(b"retry-after", b"Mon, 23 Nov 2026 12:00:30")]) == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_wait_whatever_upsets_the_reader(value: bytes) -> None:
    wait = retry_after([(b"retry-after", value), (b"retry-after-ms", value)])
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"error": {"code": 429}}, 429),
        ({"error": {"code": "429"}}, 429),
        ({"error": {"status_code": 400}}, 400),
        ({"error": {"code": "rate_limit", "status": 503}}, 503),
        ({"error": {"code": 200}}, 502),
        ({"error": {"code": 600}}, 502),
        ({"error": {"code": True}}, 502),
        ({"error": {"code": "²"}}, 502),
        ({"error": {"code": None, "message": "no"}}, 502),
        ({"error": "no"}, 502),
        ({}, 502),
    ],
)
def test_the_status_inside_a_stream_is_found_or_the_default(
    value: dict[str, Any], status: int
) -> None:
    assert status_in(value, 502) == status
