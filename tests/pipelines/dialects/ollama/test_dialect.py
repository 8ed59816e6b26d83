"""The two dialects join parsing, rendering, reading and writing, and pass their own through."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.frames import LineFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.ollama.dialect import OLLAMA_CHAT, OLLAMA_GENERATE
from pipelines.dialects.ollama.gauge import OllamaStreamGauge, OllamaWholeGauge
from pipelines.dialects.ollama.reader import OllamaInterpreter
from pipelines.dialects.ollama.whole import OllamaWholeWriter
from pipelines.dialects.ollama.writer import OllamaStreamWriter
from pipelines.errors import BadCall, Rejected, UnknownModel
from pipelines.events import Media
from pipelines.operations import OLLAMA_CHAT as CHAT
from pipelines.operations import OLLAMA_GENERATE as GENERATE
from tests.builders import a_call, a_deployment

RAW = b'{"model": "gpt",  "messages": [{"role": "user", "content": "hi"}], "options": {"seed": 1}}'


def chat_call(raw: bytes = RAW, **fields: Any) -> Call:
    return a_call(orjson.dumps({**orjson.loads(raw), **fields}) if fields else raw, CHAT)


def test_a_body_passes_byte_for_byte() -> None:
    assert OLLAMA_CHAT.forward(chat_call(), a_deployment()) is RAW


def test_only_the_models_name_is_spliced() -> None:
    body = OLLAMA_CHAT.forward(chat_call(), a_deployment(model="llama3"))
    assert body == RAW.replace(b'"gpt"', b'"llama3"')


def test_the_operators_defaults_go_below_the_options() -> None:
    place = a_deployment(defaults={"num_ctx": 8192, "seed": 2, "keep_alive": "8m"})
    body = orjson.loads(OLLAMA_CHAT.forward(chat_call(), place))
    assert body["options"] == {"seed": 1, "num_ctx": 8192}
    assert body["keep_alive"] == "8m"
    assert OLLAMA_CHAT.forward(chat_call(), a_deployment(defaults={"seed": 2})) is RAW


def test_a_second_name_of_a_model_does_not_get_through() -> None:
    raw = RAW.replace(b'"options"', b'"MODEL": "other", "options"')
    assert b"other" not in OLLAMA_CHAT.forward(chat_call(raw), a_deployment())


def test_it_streams_unless_it_is_told_not_to() -> None:
    assert chat_call().streaming
    assert chat_call(stream=None).streaming
    assert not chat_call(stream=False).streaming


def test_gauges_and_writers_follow_the_form() -> None:
    streamed, asked = chat_call(), chat_call(stream=False)
    assert isinstance(OLLAMA_CHAT.gauge(streamed, a_deployment()), OllamaStreamGauge)
    assert isinstance(OLLAMA_CHAT.gauge(asked, a_deployment()), OllamaWholeGauge)
    assert isinstance(OLLAMA_CHAT.writer(streamed, "1"), OllamaStreamWriter)
    assert isinstance(OLLAMA_CHAT.writer(asked, "1"), OllamaWholeWriter)
    assert isinstance(OLLAMA_CHAT.interpreter("Ollama"), OllamaInterpreter)
    assert isinstance(OLLAMA_CHAT.frames(Media.SSE), LineFrames)


def test_each_parses_and_renders_its_own() -> None:
    prompt = OLLAMA_CHAT.parse(chat_call())
    assert "messages" in OLLAMA_CHAT.render(prompt, a_deployment(), Losses("x"))
    body = OLLAMA_GENERATE.render(prompt, a_deployment(), Losses("x"))
    again = OLLAMA_GENERATE.parse(a_call(orjson.dumps(body), GENERATE))
    assert again.messages == prompt.messages
    with pytest.raises(BadCall, match="'messages' is missing"):
        OLLAMA_CHAT.parse(a_call(b'{"model":"m"}', CHAT))


@pytest.mark.parametrize(
    ("keep", "reason"), [(None, "load"), ("5m", "load"), (0, "unload"), ("0s", "unload")]
)
def test_a_call_that_says_nothing_is_answered_here(keep: object, reason: str) -> None:
    chat = chat_call(messages=[], keep_alive=keep)
    said = a_call(orjson.dumps({"model": "gpt", "prompt": "", "keep_alive": keep}), GENERATE)
    for dialect, call in ((OLLAMA_CHAT, chat), (OLLAMA_GENERATE, said)):
        found = orjson.loads(dialect.answer(call, Losses("Acme")) or b"")
        assert (found["done"], found["done_reason"]) == (True, reason)


def test_a_call_that_says_something_is_the_providers() -> None:
    picture = a_call(b'{"model":"m","images":["AAAA"]}', GENERATE)
    assert OLLAMA_CHAT.answer(chat_call(), Losses("Acme")) is None
    assert OLLAMA_GENERATE.answer(picture, Losses("Acme")) is None


def test_errors_are_a_single_sentence() -> None:
    error = UnknownModel("m")
    assert orjson.loads(OLLAMA_CHAT.error(error)) == {"error": error.message}
    assert OLLAMA_CHAT.error_events(error) == OLLAMA_CHAT.error(error) + b"\n"


def test_a_model_that_the_server_lacks_may_be_elsewhere() -> None:
    body = b'{"error":"model \'x\' not found"}'
    error = OLLAMA_CHAT.upstream_error(404, [], body, a_deployment())
    assert isinstance(error, Rejected)
    assert (error.code, error.elsewhere) == ("model_not_found", True)
    assert "model 'x' not found" in error.message
