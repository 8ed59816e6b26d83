"""The dialect as the chain uses it."""

from __future__ import annotations

import orjson

from pipelines.call import Call
from pipelines.dialects.gemini.dialect import GEMINI_GENERATE
from pipelines.errors import BadCall, Overloaded
from pipelines.events import Media
from pipelines.operations import GENERATE
from tests.builders import a_deployment


def test_a_body_is_passed_on_as_it_came() -> None:
    raw = b'{ "contents": [{"parts": [{"text": "hi"}]}] }'
    call = Call(GENERATE, raw, [], path_model="gemini-2.5-flash")
    assert GEMINI_GENERATE.forward(call, a_deployment()) is raw
    assert GEMINI_GENERATE.parse(call).model == "gemini-2.5-flash"


def test_errors_have_googles_shape() -> None:
    body = orjson.loads(GEMINI_GENERATE.error(BadCall("No.")))
    event = GEMINI_GENERATE.error_events(BadCall("No."))
    assert orjson.loads(event.removeprefix(b"data: ")) == body
    error = GEMINI_GENERATE.upstream_error(429, [], b"{}", a_deployment())
    assert isinstance(error, Overloaded)


def test_streams_are_events() -> None:
    assert GEMINI_GENERATE.media is Media.SSE
    assert GEMINI_GENERATE.frames(Media.SSE).feed(b"data: {}\r\n\r\n") == [("", {})]
    assert GEMINI_GENERATE.interpreter("Google").event("", {}) == []
