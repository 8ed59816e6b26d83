"""Google's errors, both ways."""

from __future__ import annotations

import orjson

from pipelines.dialects.gemini.faults import error_object, fault_in, upstream_error
from pipelines.errors import BadCall, Denied, Overloaded, Rejected, UpstreamFailed


def said(code: int, **error: object) -> bytes:
    return orjson.dumps({"error": {"code": code, "message": "No.", **error}})


def test_a_bad_key_with_status_400_is_the_operators_matter() -> None:
    body = said(400, details=[{"reason": "API_KEY_INVALID"}])
    assert isinstance(upstream_error(400, [], body, "Google"), Denied)


def test_the_time_to_wait_stands_in_the_details() -> None:
    body = b"[" + said(429, details=[{"retryDelay": "34.4s"}]) + b"]"
    error = upstream_error(429, [], body, "Google")
    assert isinstance(error, Overloaded)
    assert error.retry_after == 34.4


def test_the_status_is_no_code() -> None:
    error = upstream_error(400, [], said(400, status="INVALID_ARGUMENT"), "Google")
    assert isinstance(error, Rejected)
    assert error.code is None


def test_an_error_that_is_no_json_is_told_by_its_status() -> None:
    assert isinstance(upstream_error(500, [], b"<html>", "Google"), UpstreamFailed)


def test_an_error_inside_a_reply_names_its_status() -> None:
    assert isinstance(fault_in({"error": {"code": 503, "message": "Busy"}}, "G"), Overloaded)


def test_our_errors_have_googles_shape() -> None:
    assert error_object(BadCall("No.", "contents")) == {
        "error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}
    }


def test_details_of_another_shape_are_passed_over() -> None:
    for odd in (5, "x", {"a": 1}, [7], [{"reason": {"a": 1}, "retryDelay": [1]}]):
        assert isinstance(upstream_error(503, [], said(503, details=odd), "Google"), Overloaded)
