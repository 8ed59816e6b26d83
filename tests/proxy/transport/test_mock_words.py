"""The mock provider always says the same to the same call, and a word is a token."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.transport.mock_script import Script, read_script
from proxy.transport.mock_words import (
    Answer,
    BadRequest,
    Kind,
    answer_chat,
    answer_prompt,
    choices,
    count,
    heard,
    split,
    text_of,
    texts_of,
)

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def _tool(name: str, parameters: object = SCHEMA) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = (_tool("first"), _tool("second"))


def _ask(model: str, *talk: dict[str, Any], **more: Any) -> Answer:
    messages = list(talk) or [{"role": "user", "content": "How are you?"}]
    return answer_chat({"messages": messages, **more}, read_script(model))


def _names(answer: Answer) -> list[str]:
    return [call.name for call in answer.calls]


@pytest.mark.parametrize("text", ["", "How are you?", "word " * 50, "a\n\nb", "x" * 5000])
def test_the_demo_answers_in_forty_to_sixty_words_that_name_headgate(text: str) -> None:
    answer = _ask("demo", {"role": "user", "content": text})
    said = answer.joined(Kind.TEXT)
    assert 40 <= len(answer.pieces) <= 60
    assert "Headgate" in said
    assert " ".join(text.split()[:10])[:100] in said
    assert answer == _ask("demo", {"role": "user", "content": text})
    assert answer.finish == "stop"


def test_the_last_user_message_is_the_one_that_counts() -> None:
    talk = (
        {"role": "user", "content": "early"},
        {"role": "assistant", "content": "well"},
        {"role": "user", "content": [{"type": "text", "text": " late "}, {"type": "image_url"}]},
    )
    assert _ask("echo", *talk).joined(Kind.TEXT) == " late "


@pytest.mark.parametrize("text", ["", " ", "a", " a  b\n", "日本語 🙂 é\t", "a" * 1000, " " * 1000])
def test_words_joined_again_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text


def test_the_number_of_words_is_as_directed() -> None:
    answer = _ask("words3-think2")
    assert answer.joined(Kind.TEXT) == "word1 word2 word3"
    assert answer.joined(Kind.THOUGHT) == "thought1 thought2"
    assert (len(answer.pieces), answer.thoughts) == (5, 2)
    assert _ask("words0").pieces == ()


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer_and_says_so(field: str) -> None:
    answer = _ask("think1-words9", **{field: 3})
    assert answer.joined(Kind.TEXT) == "word1 word2"
    assert answer.finish == "length"
    assert _ask("words3", **{field: 3}).finish == "stop"


@pytest.mark.parametrize(
    ("stop", "said"),
    [("word3", "word1 word2 "), (["x", "2"], "word1 word"), ([], None), ("", None)],
)
def test_a_stop_ends_the_answer_before_it(stop: object, said: str | None) -> None:
    answer = _ask("words4", stop=stop)
    assert answer.joined(Kind.TEXT) == (said or "word1 word2 word3 word4")
    assert answer.finish == "stop"


@pytest.mark.parametrize(
    ("model", "more", "called"),
    [
        ("demo", {}, []),
        ("demo", {"tool_choice": "auto"}, []),
        ("demo", {"tool_choice": "required"}, ["first"]),
        ("demo", {"tool_choice": _tool("second")}, ["second"]),
        ("tool", {}, ["first"]),
        ("tool2", {}, ["first", "second"]),
        ("tool9", {}, ["first", "second"]),
        ("tool2", {"parallel_tool_calls": False}, ["first"]),
        ("tool", {"tool_choice": "none"}, []),
        (
            "demo",
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "required", "tools": [_tool("second")]},
                }
            },
            ["second"],
        ),
    ],
)
def test_a_tool_is_called_when_the_call_or_the_name_wants_it(
    model: str, more: dict[str, Any], called: list[str]
) -> None:
    answer = _ask(model, tools=list(TOOLS), **more)
    assert _names(answer) == called
    assert answer.finish == ("tool_calls" if called else "stop")
    for number in range(len(called)):
        assert orjson.loads(answer.joined(Kind.ARGUMENTS, number)) == {"city": "text"}
    assert len({call.id for call in answer.calls}) == len(called)


def test_without_tools_there_is_nothing_to_call() -> None:
    assert _ask("tool").calls == ()
    assert _ask("tool", tools=[{"type": "custom", "custom": {"name": "x"}}]).calls == ()


def test_what_a_tool_said_is_answered_in_words() -> None:
    result = {"role": "tool", "tool_call_id": "1", "content": "sunny, 20 degrees"}
    answer = _ask("tool", result, tools=list(TOOLS), tool_choice="required")
    assert answer.calls == ()
    assert 'The tool said: "sunny, 20 degrees".' in answer.joined(Kind.TEXT)


def test_a_limit_leaves_out_the_calls_that_did_not_begin() -> None:
    answer = _ask("tool2", tools=list(TOOLS), max_tokens=1)
    assert _names(answer) == ["first"]
    assert answer.finish == "length"
    assert _ask("think5-tool", tools=list(TOOLS), max_tokens=2).calls == ()


def test_json_is_answered_where_it_is_asked_for() -> None:
    anything = _ask("echo", response_format={"type": "json_object"})
    assert orjson.loads(anything.joined(Kind.TEXT)) == {"answer": "How are you?"}
    named = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    assert _ask("demo", response_format=named).joined(Kind.TEXT) == '{"city":"text"}'
    assert _ask("echo", response_format={"type": "text"}).joined(Kind.TEXT) == "How are you?"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens"),
        ({"tools": list(TOOLS), "tool_choice": _tool("third")}, "tool_choice"),
        ({"tools": [_tool("x", {"type": "odd"})], "tool_choice": "required"}, "tools"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#"}}}},
            "response_format",
        ),
    ],
)
def test_what_openai_would_refuse_is_refused_under_the_name_of_its_field(
    body: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        answer_chat({"messages": [{"role": "user", "content": "hi"}], **body}, Script())
    assert caught.value.param == param


def test_every_choice_says_the_same_up_to_a_bound() -> None:
    answer = _ask("words2")
    assert choices({"n": 3}, [answer]) == (answer, answer, answer)
    assert choices({}, [answer]) == (answer,)
    with pytest.raises(BadRequest, match="whole number"):
        choices({"n": 0}, [answer])
    with pytest.raises(BadRequest, match="at most"):
        choices({"n": 128}, [_ask("words1000")])


@pytest.mark.parametrize("value", [True, 1.5, "1", 0, 10])
def test_a_count_is_a_whole_number_in_its_range(value: object) -> None:
    with pytest.raises(BadRequest):
        count({"n": value}, "n", 9)


def test_the_words_of_a_prompt_are_counted_wherever_they_stand() -> None:
    parts = [{"type": "text", "text": "c d"}, {"type": "image_url", "image_url": {"url": "x"}}]
    messages = [{"content": "a b"}, {"content": parts}, {"content": None}, "odd"]
    assert heard({"messages": messages}) == 4
    assert text_of(7) == ""


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("a b", ["a b"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], ["1 2"]),
        ([[1, 2], [3]], ["1 2", "3"]),
    ],
)
def test_prompts_and_inputs_have_four_forms(value: object, texts: list[str]) -> None:
    assert texts_of({"input": value}, "input") == texts


@pytest.mark.parametrize("value", [None, [], 7, [None], [[]], [True], ["a", 1]])
def test_any_other_form_of_input_is_refused(value: object) -> None:
    with pytest.raises(BadRequest) as caught:
        texts_of({"input": value}, "input")
    assert caught.value.param == "input"


def test_a_prompt_of_the_old_completions_is_answered_too() -> None:
    assert answer_prompt("Say hi", {}, read_script("echo")).joined(Kind.TEXT) == "Say hi"
    assert answer_prompt("x", {"max_tokens": 1}, read_script("words2")).finish == "length"
