"""Tool calls are told apart, however their host numbers them."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deltas import Delta, Finish, ToolArguments, ToolBegin
from pipelines.dialects.openai_chat.calls import Calls
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from tests.pipelines.dialects.openai_chat.test_reader import call, chunk, said


def test_calls_are_counted_from_0() -> None:
    calls = Calls()
    assert not calls
    assert calls.place(5, "a", "f") == (0, True)
    assert calls.place(5, "", "") == (0, False)
    assert calls.place(7, "b", "f") == (1, True)
    assert len(calls) == 2


def calls_of(deltas: list[Delta]) -> list[tuple[str, str]]:
    """The calls of a reply, as names and arguments."""
    names: dict[int, str] = {}
    words: dict[int, str] = {}
    for one in deltas:
        if isinstance(one, ToolBegin):
            assert one.index == len(names)
            names[one.index], words[one.index] = one.name, ""
        elif isinstance(one, ToolArguments):
            words[one.index] += one.text
    return [(name, words[index]) for index, name in names.items()]


@pytest.mark.parametrize(
    "fragments",
    [
        # Every call has the index 0, and only its first fragment an id.
        [call(0, "a", '{"x":', "f"), call(0, None, "1}"), call(0, "b", "{", "g"),
         call(0, None, "}")],
        # Neither ids nor indices.
        [call(None, None, '{"x":1}') | {"function": {"name": "f", "arguments": '{"x":1}'}},
         call(None, None, "{}") | {"function": {"name": "g", "arguments": "{}"}}],
        # The index 0 and no ids.
        [call(0, None, "") | {"function": {"name": "f", "arguments": '{"x":'}},
         call(0, None, "1}"), call(0, None, "") | {"function": {"name": "g", "arguments": "{}"}}],
        # An id of its own for every fragment.
        [call(0, "a", '{"x":', "f"), call(0, "b", "1}"), call(1, "c", "{", "g"),
         call(1, "d", "}")],
        # Id and name repeated.
        [call(0, "a", '{"x":', "f"), call(0, "a", "1}", "f"), call(1, "b", "{}", "g")],
        # Interleaved.
        [call(0, "a", '{"x":', "f"), call(1, "b", "{", "g"), call(0, None, "1}"),
         call(1, None, "}")],
        # Indices that count fragments.
        [call(0, "a", '{"x":', "f"), call(1, "a", "1}"), call(2, "b", "{}", "g")],
        # No indices, the ids repeated.
        [call(None, "a", '{"x":', "f"), call(None, "b", "{", "g"), call(None, "a", "1}"),
         call(None, "b", "}")],
    ],
)  # fmt: skip
def test_calls_are_told_apart_however_they_are_numbered(fragments: list[dict[str, Any]]) -> None:
    got = said(*(chunk(tool_calls=[one]) for one in fragments), chunk("tool_calls"))
    assert calls_of(got) == [("f", '{"x":1}'), ("g", "{}")]
    assert calls_of(said(chunk("stop", tool_calls=fragments))) == calls_of(got)


def test_every_entry_of_a_document_is_a_call() -> None:
    entries = [
        {"id": "", "index": 0, "function": {"name": "f", "arguments": {"x": 1}}} for _ in "ab"
    ]
    choice = {"message": {"tool_calls": entries}, "finish_reason": None}
    got = ChatInterpreter("Acme").document({"id": "c", "choices": [choice]})
    assert calls_of(got) == [("f", '{"x":1}')] * 2
    assert got[-1] == Finish("tool_calls")
