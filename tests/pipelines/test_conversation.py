"""What is kept of a conversation is found again, in its order and with an id for each item."""

from __future__ import annotations

import orjson

from pipelines.conversation import MAX_TURNS, Kept, input_of, items_of, said_in, turns_to


def a_kept(id: str, previous: str = "", owner: str = "me", said: object = ()) -> Kept:
    response = orjson.dumps({"output": [{"type": "message", "id": f"msg_{id}"}]})
    return Kept(id, owner, previous, "", orjson.dumps(said), response)


def test_words_alone_are_one_message() -> None:
    words = {"type": "input_text", "text": "hi"}
    assert items_of("hi") == [{"type": "message", "role": "user", "content": [words]}]
    assert items_of([{"a": 1}]) == [{"a": 1}]
    assert items_of(None) == []


async def test_the_turns_are_walked_back_to_the_first() -> None:
    known = {one.id: one for one in (a_kept("a"), a_kept("b", "a"), a_kept("c", "b"))}

    async def get(id: str) -> Kept | None:
        return known.get(id)

    turns, whole = await turns_to(known["c"], get)
    assert ([one.id for one in turns], whole) == (["a", "b", "c"], True)
    del known["a"]
    turns, whole = await turns_to(known["c"], get)
    assert ([one.id for one in turns], whole) == (["b", "c"], False)
    known["b"] = a_kept("b", owner="you")
    assert await turns_to(known["c"], get) == ([known["c"]], False)


async def test_a_walk_in_a_circle_ends() -> None:
    async def get(id: str) -> Kept | None:
        return a_kept("a", "a")

    turns, whole = await turns_to(a_kept("a", "a"), get)
    assert (len(turns), whole) == (MAX_TURNS, False)


def test_the_items_of_turns_are_input_and_output_in_their_order() -> None:
    first = a_kept("resp_a", said=[{"role": "assistant", "content": "x"}])
    last = a_kept("resp_b", said=[{"type": "function_call", "id": "mine"}])
    assert [one.get("id") for one in said_in([first, last])] == [
        None,
        "msg_resp_a",
        "mine",
        "msg_resp_b",
    ]
    items = input_of([first, last])
    assert [one["id"] for one in items] == ["msg_a_i0", "msg_resp_a", "mine"]
    assert items[0]["content"] == [{"type": "output_text", "text": "x"}]
