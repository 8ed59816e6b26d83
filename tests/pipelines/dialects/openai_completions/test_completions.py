"""Text completions through the hub: a prompt as a user's message, a chat's words as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.call import Call
from pipelines.deltas import Begin, Consumed, Delta, Finish, LogprobsDelta, TextDelta, ThoughtDelta
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_completions.reader import CompletionInterpreter
from pipelines.dialects.openai_dialects import OPENAI_CHAT, OPENAI_COMPLETIONS
from pipelines.errors import BadCall, StreamBroken, Unsupported
from pipelines.operations import COMPLETIONS
from pipelines.prompt import Message, Text
from pipelines.usage import Usage
from tests.builders import DONE, a_call, a_deployment, a_stream, sse
from tests.fakes.recordings import Recording, needs_fixtures, recordings


def completed(prompt: Any = "Say", **fields: Any) -> Call:
    body = {"model": "gpt", "prompt": prompt, **fields}
    return a_call(orjson.dumps(body), COMPLETIONS)


def as_chat(call: Call) -> dict[str, Any]:
    prompt = OPENAI_COMPLETIONS.parse(call)
    return OPENAI_CHAT.render(prompt, a_deployment(model="m"), Losses("Acme", strict=True))


def again(call: Call) -> dict[str, Any]:
    prompt = OPENAI_COMPLETIONS.parse(call)
    return OPENAI_COMPLETIONS.render(prompt, a_deployment(), Losses("Acme", strict=True))


def written(call: Call, deltas: Sequence[Delta]) -> bytes:
    writer = OPENAI_COMPLETIONS.writer(call, "1")
    return writer.write(deltas) + writer.close()


def read(raw: bytes, *cuts: int) -> list[Delta]:
    frames, reader = SseFrames(), CompletionInterpreter("Acme")
    places = [0, *sorted(cuts), len(raw)]
    found = []
    for begin, end in pairwise(places):
        found += frames.feed(raw[begin:end])
    found += frames.close()
    deltas = [one for name, value in found for one in reader.event(name, value)]
    return deltas + reader.end(frames.done)


@pytest.mark.parametrize("prompt", ["Say", ["Say"]])
def test_a_prompt_becomes_one_message_of_the_user(prompt: Any) -> None:
    found = OPENAI_COMPLETIONS.parse(completed(prompt))
    assert found.messages == [Message("user", [Text("Say")])]


def test_the_knobs_go_along() -> None:
    call = completed(max_tokens=9, temperature=0.5, stop="a", seed=2**60, n=2, logprobs=3, user="u")
    assert as_chat(call) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Say"}],
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "stop": ["a"],
        "seed": 2**60,
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "user": "u",
    }


def test_what_was_parsed_comes_out_again() -> None:
    fields = {"max_tokens": 9, "stop": ["a"], "logprobs": 2, "seed": 1, "extra": {"a": 1}}
    assert again(completed(**fields)) == {"model": "gpt", "prompt": "Say", **fields}


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"echo": True}, "echo"),
        ({"suffix": "b"}, "suffix"),
        ({"best_of": 2}, "best_of"),
        ({"prompt": ["a", "b"]}, "several prompts"),
        ({"prompt": [1, 2]}, "lists of tokens"),
    ],
)
def test_what_no_chat_model_can_do_is_refused(fields: dict[str, Any], feature: str) -> None:
    with pytest.raises(Unsupported, match=feature):
        OPENAI_COMPLETIONS.parse(completed(**fields))


@pytest.mark.parametrize("fields", [{"prompt": 5}, {"prompt": []}, {"logprobs": 6}])
def test_a_field_of_the_wrong_kind_is_a_bad_call(fields: dict[str, Any]) -> None:
    with pytest.raises(BadCall, match=next(iter(fields))):
        OPENAI_COMPLETIONS.parse(completed(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
    ],
)
def test_what_no_completion_can_hold_is_refused(fields: dict[str, Any]) -> None:
    body = {"model": "gpt", "messages": [{"role": "user", "content": "a"}], **fields}
    prompt = OPENAI_CHAT.parse(a_call(orjson.dumps(body)))
    with pytest.raises(Unsupported):
        OPENAI_COMPLETIONS.render(prompt, a_deployment(), Losses("Acme", drop_params=True))


def test_a_chats_stream_comes_as_chunks_of_text() -> None:
    call = completed(stream=True, stream_options={"include_usage": True})
    bridge = Bridge(
        "Acme",
        OPENAI_CHAT.interpreter("Acme"),
        SseFrames(),
        OPENAI_COMPLETIONS.writer(call, "1"),
        7,
    )
    raw = bridge.watch(a_stream("a", "b")) + bridge.close()
    assert raw.endswith(DONE)
    chunks = [orjson.loads(line[6:]) for line in raw.split(b"\n\n")[:-2]]
    assert {(one["id"], one["object"], one["model"]) for one in chunks} == {
        ("c1", "text_completion", "gpt")
    }
    said = [choice for one in chunks for choice in one["choices"]]
    assert [one["text"] for one in said] == ["a", "b", ""]
    assert [one["finish_reason"] for one in said] == [None, None, "stop"]
    assert chunks[-1]["usage"]["total_tokens"] == 21
    assert [one["usage"] for one in chunks[:-1]] == [None, None, None]


SCORES = {
    "content": [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": None,
            "top_logprobs": [{"token": "Ho", "logprob": -1.5, "bytes": None}],
        }
    ]
}
DELTAS: list[Delta] = [
    Begin("c1", "gpt", 5),
    ThoughtDelta("hm"),
    TextDelta("Hi"),
    LogprobsDelta(SCORES),
    TextDelta("Ho", 1),
    Finish("length"),
    Finish("stop", choice=1),
    Consumed(Usage(3, 4)),
]


def test_a_whole_reply_is_one_document() -> None:
    document = orjson.loads(written(completed(), DELTAS))
    assert document["choices"] == [
        {
            "text": "Hi",
            "index": 0,
            "logprobs": {
                "tokens": ["Hi"],
                "token_logprobs": [-0.5],
                "top_logprobs": [{"Ho": -1.5}],
                "text_offset": [0],
            },
            "finish_reason": "length",
            "reasoning_content": "hm",
        },
        {"text": "Ho", "index": 1, "logprobs": None, "finish_reason": "stop"},
    ]
    assert (document["id"], document["created"]) == ("c1", 5)
    assert document["usage"]["total_tokens"] == 7


def test_an_answer_without_a_word_is_an_empty_choice() -> None:
    document = orjson.loads(written(completed(), []))
    assert document["choices"][0]["text"] == ""
    assert document["id"] == "cmpl-1"


STREAM = written(completed(stream=True, stream_options={"include_usage": True}), DELTAS)


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_what_is_written_is_read_back_wherever_it_is_cut(cuts: list[int]) -> None:
    assert read(STREAM, *cuts) == DELTAS


def test_a_stream_that_is_cut_is_broken() -> None:
    chunk = {"id": "c1", "choices": [{"index": 0, "text": "a", "finish_reason": None}]}
    with pytest.raises(StreamBroken, match="incomplete"):
        read(sse(chunk))


RECORDED = [one for one in recordings() if one.endpoint == "completions" and one.status == 200]


@needs_fixtures()
@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_a_recorded_completion_is_told_in_full(recording: Recording) -> None:
    if recording.streamed:
        lines = [line[6:] for line in recording.whole.splitlines() if line.startswith(b"data: {")]
        values = [orjson.loads(line) for line in lines]
        deltas = read(recording.whole)
    else:
        values = [orjson.loads(recording.whole)]
        deltas = CompletionInterpreter("Acme").document(values[0])
    said = "".join(choice["text"] for one in values for choice in one["choices"])
    assert "".join(one.text for one in deltas if isinstance(one, TextDelta)) == said
    usage = [one["usage"] for one in values if one.get("usage")]
    told = [one.usage.total_tokens for one in deltas if isinstance(one, Consumed)]
    assert told == [one["total_tokens"] for one in usage]
    assert len([one for one in deltas if isinstance(one, Finish)]) == 1


@needs_fixtures()
@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_a_recorded_request_comes_out_again(recording: Recording) -> None:
    asked = {key: value for key, value in (recording.request or {}).items() if value is not False}
    sent = again(a_call(orjson.dumps(asked), COMPLETIONS))
    sent.pop("stream_options", None)
    assert sent == {**asked, "model": "gpt"}
