"""A stream as one array: whole JSON whatever ends it."""

from __future__ import annotations

import orjson
import pytest

from pipelines.deltas import Begin, Consumed, Finish, TextDelta
from pipelines.dialects.gemini.array import GEMINI_ARRAY
from pipelines.errors import StreamBroken, UnknownModel, Unsupported
from pipelines.events import Media
from pipelines.operations import GENERATE_ARRAY
from pipelines.usage import Usage
from tests.builders import a_call, a_deployment

BODY = orjson.dumps({"contents": [{"parts": [{"text": "Hi"}]}]})


def test_each_write_is_an_element_and_the_end_closes_the_array() -> None:
    writer = GEMINI_ARRAY.writer(a_call(BODY, GENERATE_ARRAY, path_model="m"), "1")
    first = writer.write([Begin("r", "m"), TextDelta("a")])
    second = writer.write([TextDelta("b")])
    assert first.startswith(b"[{")
    last = writer.write([Finish("stop"), Consumed(Usage(1, 2))]) + writer.close()
    chunks = orjson.loads(first + second + last)
    said = "".join(one["candidates"][0]["content"]["parts"][0]["text"] for one in chunks)
    assert said == "ab"
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] == 3


def test_a_reply_without_words_is_an_array_too() -> None:
    writer = GEMINI_ARRAY.writer(a_call(BODY, GENERATE_ARRAY, path_model="m"), "1")
    assert len(orjson.loads(writer.close())) == 1


def test_a_broken_stream_ends_with_its_error() -> None:
    writer = GEMINI_ARRAY.writer(a_call(BODY, GENERATE_ARRAY, path_model="m"), "1")
    said = writer.write([TextDelta("a")]) + GEMINI_ARRAY.error_events(StreamBroken("it broke"))
    assert orjson.loads(said)[-1]["error"]["message"] == "it broke"
    assert orjson.loads(GEMINI_ARRAY.error(UnknownModel("x")))[0]["error"]["code"] == 404


def test_it_is_a_form_for_clients_only() -> None:
    assert GEMINI_ARRAY.media is Media.ARRAY
    with pytest.raises(Unsupported):
        GEMINI_ARRAY.forward(a_call(BODY, GENERATE_ARRAY), a_deployment())
    with pytest.raises(Unsupported):
        GEMINI_ARRAY.gauge(a_call(BODY, GENERATE_ARRAY), a_deployment())
