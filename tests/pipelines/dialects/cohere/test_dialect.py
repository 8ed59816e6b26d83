"""Cohere's chat is a dialect of both sides."""

from __future__ import annotations

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.cohere.dialect import COHERE_CHAT
from pipelines.dialects.cohere.gauge import CohereStreamGauge, CohereWholeGauge
from pipelines.dialects.cohere.writer import CohereStreamWriter, CohereWholeWriter
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse
from pipelines.errors import Denied, UpstreamFailed
from pipelines.operations import COHERE
from tests.builders import a_deployment

HELLO = [{"role": "user", "content": "hi"}]


def a_cohere_call(**more: object) -> Call:
    body = {"model": "smart", "messages": HELLO, **more}
    return Call(COHERE, orjson.dumps(body), [])


def test_it_renders_and_reads() -> None:
    prompt = parse({"model": "m", "messages": HELLO})
    body = COHERE_CHAT.render(prompt, a_deployment(model="command"), Losses("Cohere"))
    assert body["model"] == "command"
    with pytest.raises(Exception, match="before its first event"):
        COHERE_CHAT.interpreter("Cohere").end(False)


def test_a_call_is_understood() -> None:
    assert COHERE_CHAT.parse(a_cohere_call(p=0.5)).sampling.top_p == 0.5


def test_a_call_is_passed_on_with_the_providers_model() -> None:
    raw = COHERE_CHAT.forward(a_cohere_call(k=3), a_deployment(model="command"))
    assert orjson.loads(raw) == {"model": "command", "messages": HELLO, "k": 3}
    filled = a_deployment(model="command", defaults={"seed": 1})
    assert orjson.loads(COHERE_CHAT.forward(a_cohere_call(), filled))["seed"] == 1


def test_it_writes_and_watches_as_the_call_asks() -> None:
    streamed, whole = a_cohere_call(stream=True), a_cohere_call()
    assert isinstance(COHERE_CHAT.writer(streamed, "x"), CohereStreamWriter)
    assert isinstance(COHERE_CHAT.writer(whole, "x"), CohereWholeWriter)
    assert isinstance(COHERE_CHAT.gauge(streamed, a_deployment()), CohereStreamGauge)
    assert isinstance(COHERE_CHAT.gauge(whole, a_deployment()), CohereWholeGauge)


def test_its_errors_are_understood() -> None:
    body = b'{"id":"x","message":"Incorrect API key provided"}'
    error = COHERE_CHAT.upstream_error(401, [], body, a_deployment())
    assert isinstance(error, Denied)


def test_its_errors_are_told() -> None:
    error = UpstreamFailed("It broke.")
    assert orjson.loads(COHERE_CHAT.error(error)) == {"message": "It broke."}
    name, data = COHERE_CHAT.error_events(error).strip().split(b"\n")
    assert name == b"event: message-end"
    assert orjson.loads(data[6:])["delta"] == {"finish_reason": "ERROR", "error": "It broke."}
