"""A call that goes on from an earlier response carries what its provider cannot know."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.conversation import Conversation
from pipelines.dialects.responses.envelope import wrap
from pipelines.dialects.responses.history import resumed, resumed_at
from pipelines.errors import BadCall
from pipelines.operations import RESPONSES
from tests.builders import a_deployment

EARLIER: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": "one"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "theirs"},
    {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": wrap("x", "s", "")},
    {"type": "reasoning", "id": "rs_3", "summary": []},
    {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": []},
]


def a_call(told: Conversation | None, previous: str | None = "resp_1") -> Call:
    fields = {} if previous is None else {"previous_response_id": previous}
    raw = orjson.dumps({"model": "gpt", "input": "two", "store": False, **fields})
    call = Call(RESPONSES, raw, [])
    return call if told is None else call.within(told)


def told(earlier: list[dict[str, Any]] | None = None, knower: str = "") -> Conversation:
    made = Conversation("x", True)
    made.earlier, made.knower = earlier, knower
    return made


def test_a_call_that_goes_on_from_nothing_is_left_alone() -> None:
    call = a_call(told(), None)
    assert resumed(call) is call.json
    assert resumed_at(call, a_deployment()) is call


def test_the_body_for_another_dialect_holds_the_whole_conversation() -> None:
    body = resumed(a_call(told(EARLIER)))
    assert "previous_response_id" not in body
    assert body["input"][: len(EARLIER)] == EARLIER
    assert body["input"][-1]["content"] == [{"type": "input_text", "text": "two"}]


@pytest.mark.parametrize("conversation", [None, told()])
def test_what_is_not_known_is_refused_in_openais_words(conversation: Conversation | None) -> None:
    with pytest.raises(BadCall) as caught:
        resumed(a_call(conversation))
    assert caught.value.code == "previous_response_not_found"
    assert caught.value.message == "Previous response with id 'resp_1' not found."


@pytest.mark.parametrize("conversation", [None, told(), told(EARLIER, "d1"), told(None, "d2")])
def test_who_knows_the_id_or_may_know_it_is_asked_by_it(conversation: Conversation | None) -> None:
    call = a_call(conversation)
    assert resumed_at(call, a_deployment("d1")) is call


def test_another_deployment_gets_the_conversation_without_what_only_its_maker_reads() -> None:
    call = resumed_at(a_call(told(EARLIER, "d2")), a_deployment("d1"))
    body = orjson.loads(call.raw)
    assert body == dict(call.json)
    assert "previous_response_id" not in body
    assert (body["model"], body["store"]) == ("gpt", False)
    assert body["input"][:-1] == [
        EARLIER[0],
        {"type": "reasoning", "summary": [], "encrypted_content": "theirs"},
        {"type": "message", "role": "assistant", "content": []},
    ]


def test_an_item_that_is_named_by_its_id_is_put_in_its_place() -> None:
    item = {"type": "message", "id": "msg_1_0", "role": "assistant", "content": []}
    reference = {"type": "item_reference", "id": "msg_1_0"}
    other = {"type": "item_reference", "id": "msg_of_its_own"}
    raw = orjson.dumps({"model": "gpt", "input": [reference, other]})
    conversation = told()
    conversation.referred = {"msg_1_0": item}
    call = Call(RESPONSES, raw, []).within(conversation)
    assert resumed(call)["input"] == [item, other]
    at = resumed_at(call, a_deployment())
    bare = {"type": "message", "role": "assistant", "content": []}
    assert orjson.loads(at.raw) == {"model": "gpt", "input": [bare, other]}


def test_a_reference_is_filled_in_also_where_the_earlier_response_is_known() -> None:
    reference = {"type": "item_reference", "id": "msg_1_0"}
    raw = orjson.dumps({"model": "gpt", "input": [reference], "previous_response_id": "resp_1"})
    conversation = told(EARLIER, "d1")
    conversation.referred = {"msg_1_0": {"type": "function_call", "id": "msg_1_0"}}
    at = resumed_at(Call(RESPONSES, raw, []).within(conversation), a_deployment("d1"))
    body = orjson.loads(at.raw)
    assert (body["input"], body["previous_response_id"]) == (
        [{"type": "function_call"}],
        "resp_1",
    )
