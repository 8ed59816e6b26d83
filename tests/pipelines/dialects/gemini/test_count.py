"""Tokens are counted by the provider where it counts, else estimated."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.gemini.count import GEMINI_COUNT, CountGauge
from pipelines.dialects.losses import Losses
from pipelines.errors import Denied, Overloaded, UnknownModel, Unsupported, UpstreamFailed
from pipelines.operations import COUNT_CONTENT
from tests.builders import a_call, a_deployment, a_provider

CONTENTS = [{"role": "user", "parts": [{"text": "The quick brown fox jumps over the lazy dog."}]}]
SYSTEM = {"parts": [{"text": "Be brief."}]}


def counting(**body: Any) -> Call:
    return a_call(orjson.dumps(body), COUNT_CONTENT, path_model="public")


def at(provider: str) -> Deployment:
    return a_deployment(model="gemini-2.5-pro", provider=a_provider(provider))


def forwarded(provider: str, **body: Any) -> Any:
    return orjson.loads(GEMINI_COUNT.forward(counting(**body), at(provider)))


def test_contents_alone_pass_as_they_are() -> None:
    for provider in ("gemini", "vertex_ai"):
        assert forwarded(provider, contents=CONTENTS) == {"contents": CONTENTS}


def test_each_provider_gets_a_whole_request_in_its_own_form() -> None:
    whole = {"contents": CONTENTS, "systemInstruction": SYSTEM}
    named = {"generateContentRequest": {"model": "models/gemini-2.5-pro", **whole}}
    asked = {"generateContentRequest": {"model": "models/public", **whole}}
    assert forwarded("gemini", **asked) == named
    assert forwarded("gemini", **whole) == named
    assert forwarded("vertex_ai", **asked) == whole
    assert forwarded("vertex_ai", **whole) == whole


def test_elsewhere_the_count_is_an_estimate_and_told_to_be_one() -> None:
    losses = Losses("Acme")
    count = orjson.loads(GEMINI_COUNT.answer(counting(contents=CONTENTS), losses))["totalTokens"]
    assert 8 <= count <= 25
    assert losses.told == ["emulated:countTokens"]
    whole = {"contents": CONTENTS, "systemInstruction": SYSTEM}
    more = orjson.loads(GEMINI_COUNT.answer(counting(generateContentRequest=whole), losses))
    assert more["totalTokens"] > count
    with pytest.raises(Unsupported):
        GEMINI_COUNT.answer(counting(contents=CONTENTS), Losses("Acme", strict=True))


def test_a_count_passes_and_anything_else_is_an_error() -> None:
    gauge = GEMINI_COUNT.gauge(counting(contents=CONTENTS), at("gemini"))
    raw = b'{"totalTokens": 7}'
    assert gauge.watch(raw) is raw
    assert gauge.close() == b""
    for bad in (b"[]", b"<html>", b'"x"'):
        with pytest.raises(UpstreamFailed):
            CountGauge("Acme").watch(bad)
    with pytest.raises(Overloaded):
        CountGauge("Acme").watch(b'{"error": {"code": 429, "message": "m"}}')


def test_errors_are_googles() -> None:
    error = GEMINI_COUNT.upstream_error(401, [], b'{"error": {"code": 401}}', at("gemini"))
    assert isinstance(error, Denied)
    assert orjson.loads(GEMINI_COUNT.error(UnknownModel("x")))["error"]["status"] == "NOT_FOUND"
    with pytest.raises(Unsupported):
        GEMINI_COUNT.interpreter("Acme")
