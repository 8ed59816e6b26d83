"""A cut stream is finished under the id of what stood before it, choice by choice."""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.call import Call
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.openai_ending import ending
from pipelines.operations import COMPLETIONS
from pipelines.usage import Usage
from tests.builders import DONE, a_call, a_chunk, a_stream_call, a_usage_chunk, sse

USAGE = Usage(7, 3, estimated=True)


def ended(call: Call, *seen: bytes) -> list[dict[str, Any]]:
    """The chunks that end what was seen."""
    raw = ending(seen, call, USAGE)
    assert raw.endswith(DONE)
    return [value for _, value in SseFrames().feed(raw)]


def test_the_finish_is_told_under_the_id_of_the_stream() -> None:
    (last,) = ended(a_stream_call(), b": ping\n\n", sse(a_chunk("a")))
    finish = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}
    assert last == {**a_chunk(), "choices": [finish]}


def test_usage_is_told_where_it_was_asked_for_and_has_not_come() -> None:
    asking = a_stream_call(stream_options={"include_usage": True})
    finish, told = ended(asking, sse(a_chunk("a")))
    assert finish["usage"] is None
    assert told["choices"] == []
    assert told["usage"]["total_tokens"] == 10
    assert ended(asking, sse(a_chunk(None, "stop"), a_usage_chunk())) == []


def test_every_choice_that_has_no_finish_gets_one() -> None:
    said = {"index": 1, "delta": {}, "finish_reason": "stop"}
    chunks = ended(a_stream_call(n=3), sse({**a_chunk(), "choices": [said]}))
    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 2]


def test_a_text_completion_ends_in_its_own_words() -> None:
    call = a_call(orjson.dumps({"model": "m", "prompt": "x", "stream": True}), COMPLETIONS)
    (last,) = ended(call, sse({"id": "cmpl-1", "object": "text_completion", "choices": []}))
    finish = {"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}
    assert last == {"id": "cmpl-1", "object": "text_completion", "choices": [finish]}
