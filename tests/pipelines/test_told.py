"""What a client says of its call is taken as it is meant, bounded, and never with a key in it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.told import told_by
from tests.builders import SECRET, a_body, a_call

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def read(call: Call) -> Call:
    """The call as it is when its body was looked at."""
    assert call.json
    return call


def saying(**fields: Any) -> Call:
    return read(a_call(a_body(**fields)))


def test_a_call_may_say_nothing() -> None:
    told = told_by(saying())
    assert (told.session_id, told.trace_id, told.parent_span, told.user_agent) == ("",) * 4
    assert told.metadata == {}


def test_a_body_that_nobody_read_is_not_read_now() -> None:
    call = a_call(a_body(metadata={"trace_id": "t"}))
    assert told_by(call).trace_id == ""
    assert call.parsed is None


@pytest.mark.parametrize(
    "name", [b"x-litellm-session-id", b"x-claude-code-session-id", b"x-openwebui-chat-id"]
)
def test_a_session_is_known_by_its_header(name: bytes) -> None:
    assert told_by(a_call(headers=[(name, b" s1 ")])).session_id == "s1"


def test_headers_come_before_the_body_and_its_fields_before_its_metadata() -> None:
    body = a_body(litellm_trace_id="field", metadata={"trace_id": "meta", "session_id": "s"})
    assert told_by(read(a_call(body))).trace_id == "field"
    call = read(a_call(body, headers=[(b"x-litellm-trace-id", b"header")]))
    assert (told_by(call).trace_id, told_by(call).session_id) == ("header", "s")


def test_a_trace_of_others_is_gone_on_with() -> None:
    told = told_by(a_call(headers=[(b"traceparent", PARENT)]))
    assert told.parent_span == PARENT.decode()
    assert told.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        PARENT.upper(),
        PARENT + b"-x",
    ],
)
def test_what_is_no_trace_is_nothing(value: bytes) -> None:
    told = told_by(a_call(headers=[(b"traceparent", value)]))
    assert (told.parent_span, told.trace_id) == ("", "")


def test_metadata_is_taken_from_both_places_and_the_clients_own_wins() -> None:
    call = saying(metadata={"a": 1}, litellm_metadata={"a": 2, "b": ["x", {"c": True}]})
    assert told_by(call).metadata == {"a": 1, "b": ["x", {"c": True}]}


def test_a_client_says_nothing_of_its_key() -> None:
    call = saying(metadata={"user_api_key_team_id": "other", "headers": {"x": "y"}, "ok": 1})
    assert told_by(call).metadata == {"ok": 1}


def test_spend_logs_metadata_may_come_as_a_header() -> None:
    name = b"x-litellm-spend-logs-metadata"
    assert told_by(a_call(headers=[(name, b'{"project": "p"}')])).metadata == {
        "spend_logs_metadata": {"project": "p"}
    }
    for senseless in (b"[1]", b"{", b""):
        assert told_by(a_call(headers=[(name, senseless)])).metadata == {}


def test_metadata_is_bounded() -> None:
    deep: dict[str, Any] = {"x": {"x": {"x": {"x": {"x": 1}}}}}
    many = {f"n{n}": "v" * 100_000 for n in range(1_000)}
    call = saying(metadata={"deep": deep, "list": list(range(10_000)), "many": many, **many})
    found = told_by(call).metadata
    assert len(found) == 32
    assert len(orjson.dumps(found)) < 80_000
    assert found["deep"] == {"x": {}}


def test_what_looks_like_a_key_is_masked() -> None:
    headers = [(b"x-litellm-session-id", SECRET.encode())]
    call = read(a_call(a_body(metadata={"note": f"use {SECRET}"}), headers=headers))
    assert SECRET not in repr(told_by(call))


def test_control_characters_are_dropped() -> None:
    headers = [(b"user-agent", b"a\x1b[31mb\x85"), (b"x-litellm-session-id", b"s\x7f1")]
    told = told_by(read(a_call(a_body(metadata={"a\nb": "c\x00\u0085d"}), headers=headers)))
    assert (told.user_agent, told.session_id) == ("a[31mb", "s1")
    assert told.metadata == {"ab": "cd"}


@pytest.mark.parametrize("value", [None, "text", 5, [], [1], {"a": None}])
def test_metadata_of_any_shape_is_no_error(value: Any) -> None:
    assert told_by(saying(metadata=value, litellm_session_id=value)).session_id in ("", "text")
