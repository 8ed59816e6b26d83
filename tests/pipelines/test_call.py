"""A call is parsed once, when it is first needed, and says what is wrong with it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.call import MAX_DEPTH, Call, parse_object
from pipelines.conversation import Conversation
from pipelines.errors import BadCall, GatewayError, TooLarge
from pipelines.operations import CHAT, COMPLETIONS, EMBEDDINGS, Operation
from tests.builders import a_body, a_call


def fault_of(raw: bytes, operation: Operation = CHAT, **more: Any) -> BadCall:
    """Why a body is refused."""
    with pytest.raises(BadCall) as raised:
        _ = Call(operation, raw, [], **more).json
    assert raised.value.status == 400
    return raised.value


def test_a_good_call_is_what_was_sent() -> None:
    raw = a_body("gpt", stream=True, top_k=3)
    call = a_call(raw, client="192.0.2.7")
    assert call.raw is raw
    assert call.client == "192.0.2.7"
    assert call.model == "gpt"
    assert call.streaming is True
    assert call.json["top_k"] == 3


def test_a_call_is_parsed_when_it_is_first_needed_and_only_once() -> None:
    call = a_call()
    assert call.parsed is None
    first = call.json
    assert call.json is first
    assert call.parsed is first


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "no body"),
        (b"{", "not valid JSON"),
        (b"hello", "not valid JSON"),
        (b"{'model': 'gpt'}", "not valid JSON"),
        (b'{"model":"gpt",}', "not valid JSON"),
        (b'{"model":NaN}', "not valid JSON"),
        (b'{"model":"gpt"}{}', "not valid JSON"),
        (b'\xef\xbb\xbf{"model":"gpt"}', "not valid JSON"),
        (b'{"model":"\xff"}', "not valid JSON"),
        (b'{"model":"\\ud800"}', "not valid JSON"),
        (b" ", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"gpt"', "must be a JSON object"),
        (b"7", "must be a JSON object"),
        (b"[" * 5000, "not valid JSON"),
        (b"[" * 2000 + b"]" * 2000, "not valid JSON"),
    ],
)
def test_a_body_that_is_no_object_is_refused(raw: bytes, words: str) -> None:
    fault = fault_of(raw)
    assert words in fault.message
    assert fault.param is None


@pytest.mark.parametrize(
    "value", [b"null", b'""', b'" "', b"7", b"true", b'["gpt"]', b'{"id":"gpt"}']
)
def test_a_body_without_a_model_is_refused(value: bytes) -> None:
    fault = fault_of(b'{"model":' + value + b',"messages":[]}')
    assert fault.param == "model"
    assert "'model'" in fault.message


def test_a_body_with_no_model_at_all_is_refused() -> None:
    assert fault_of(b'{"messages":[]}').message == "The field 'model' is missing."


@pytest.mark.parametrize("value", [b'"true"', b"1", b"0", b"[]"])
def test_a_stream_is_true_or_false(value: bytes) -> None:
    fault = fault_of(b'{"model":"gpt","messages":[],"stream":' + value + b"}")
    assert fault.param == "stream"


@pytest.mark.parametrize(
    ("fields", "operation", "streaming"),
    [
        ({"stream": True}, CHAT, True),
        ({"stream": False}, CHAT, False),
        ({"stream": None}, CHAT, False),
        ({}, CHAT, False),
        ({"stream": True, "input": "a"}, EMBEDDINGS, False),
    ],
)
def test_a_call_streams_where_it_asks_to_and_can(
    fields: dict[str, Any], operation: Operation, streaming: bool
) -> None:
    assert a_call(a_body(**fields), operation).streaming is streaming


@pytest.mark.parametrize(
    ("operation", "field"), [(CHAT, "messages"), (COMPLETIONS, "prompt"), (EMBEDDINGS, "input")]
)
def test_an_operation_needs_its_field(operation: Operation, field: str) -> None:
    for raw in (b'{"model":"gpt"}', b'{"model":"gpt","' + field.encode() + b'":null}'):
        fault = fault_of(raw, operation)
        assert (fault.param, fault.message) == (field, f"The field {field!r} is missing.")


@pytest.mark.parametrize("value", [b"[]", b'""', b"0", b"false"])
def test_an_empty_field_is_left_to_the_provider(value: bytes) -> None:
    call = a_call(b'{"model":"gpt","messages":' + value + b"}")
    assert call.model == "gpt"


def test_a_body_of_the_responses_api_is_told_where_it_went() -> None:
    fault = fault_of(b'{"model":"gpt","input":"hello"}')
    assert fault.param == "messages"
    assert "'input'" in fault.message
    assert "/chat/completions" in fault.message


def test_unknown_fields_are_taken() -> None:
    assert a_call(a_body(min_p=0.1, num_ctx=1, think=True, anything={"a": 1})).model == "gpt"


@pytest.mark.parametrize("shape", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_a_body_may_be_sixty_four_levels_deep_and_no_more(shape: tuple[bytes, bytes]) -> None:
    opening, closing = shape
    step = len(re.findall(rb"[\[{]", opening))
    inner = (MAX_DEPTH - 1) // step
    odd = MAX_DEPTH - 1 - inner * step
    deepest = b'{"model":"gpt","messages":[],"x":' + b"[" * odd + opening * inner
    end = closing * inner + b"]" * odd + b"}"
    filling = b"1" if b":" in opening else b""
    assert a_call(deepest + filling + end).model == "gpt"
    fault = fault_of(deepest + b"[" + filling + b"]" + end)
    assert fault.message == "The body nests over 64 levels deep."


def test_brackets_in_strings_are_not_depth() -> None:
    content = "[{" * 500
    call = a_call(a_body(messages=[{"role": "user", "content": content}], x=[[]] * 100))
    assert call.json["messages"][0]["content"] == content


def test_depth_hidden_behind_a_wide_body_is_found() -> None:
    wide = b'{"model":"gpt","messages":[' + b"{}," * 1000 + b"{}]," + b'"x":'
    assert a_call(wide + b"[" * 63 + b"]" * 63 + b"}").model == "gpt"
    assert "64 levels" in fault_of(wide + b"[" * 64 + b"]" * 64 + b"}").message


@given(st.integers(1, 120))
def test_depth_is_counted_exactly(depth: int) -> None:
    raw = b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)
    if depth <= MAX_DEPTH:
        assert parse_object(raw) == orjson.loads(raw)
    else:
        with pytest.raises(BadCall):
            parse_object(raw)


@given(st.binary(max_size=64))
def test_no_body_whatever_raises_anything_but_bad_call(raw: bytes) -> None:
    with suppress(BadCall):
        assert Call(CHAT, raw, []).json is not None


def test_the_model_of_the_path_wins_and_the_raw_body_stays() -> None:
    raw = b'{"model":"other","messages":[]}'
    call = a_call(raw, path_model="gpt")
    assert (call.model, call.json["model"], call.raw) == ("gpt", "gpt", raw)
    assert a_call(b'{"messages":[]}', path_model="gpt").model == "gpt"


def test_the_model_of_the_path_may_be_empty_no_more_than_that_of_the_body() -> None:
    assert fault_of(b'{"model":"gpt","messages":[]}', path_model="").param == "model"


def test_of_two_models_the_last_one_counts() -> None:
    assert a_call(b'{"model":"a","messages":[],"model":"b"}').model == "b"


def test_a_body_that_could_not_be_read_says_so_when_it_is_needed() -> None:
    fault = TooLarge("over 32 MiB")
    call = Call(CHAT, b"", [], fault=fault)
    for _ in range(2):
        with pytest.raises(GatewayError) as raised:
            _ = call.model
        assert raised.value is fault
    assert call.parsed is None


def test_a_bad_body_is_bad_every_time() -> None:
    call = a_call(b"{}")
    for _ in range(2):
        with pytest.raises(BadCall):
            _ = call.streaming
    assert call.parsed is None


def test_a_header_is_found_by_its_name_and_the_first_one_counts() -> None:
    call = a_call(headers=[(b"x-a", b"1"), (b"x-a", b"2"), (b"x-b", b"\xe9")])
    assert (call.header(b"x-a"), call.header(b"x-b"), call.header(b"x-c")) == ("1", "é", None)


def test_nothing_of_the_body_stands_in_the_message() -> None:
    assert "secret" not in fault_of(b'{"model": secret words}').message


def test_a_call_within_a_conversation_and_one_with_another_body_leave_the_first_as_it_was() -> None:
    call = a_call(b'{"model":"a","messages":[]}', client="here")
    read = call.json
    told = Conversation("1", True)
    within = call.within(told)
    rewritten = within.rewritten(b'{"model":"b","messages":[]}')
    assert (call.conversation, within.conversation) == (None, told)
    assert within.json is read
    assert (rewritten.model, rewritten.conversation, rewritten.client) == ("b", told, "here")
    assert within.completed({"x": 1}).conversation is told
    assert (call.model, within.model) == ("a", "a")
