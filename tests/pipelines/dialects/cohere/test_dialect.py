"""Cohere's chat is a dialect of providers only."""

from __future__ import annotations

import pytest

from pipelines.dialects.cohere.dialect import COHERE_CHAT
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse
from pipelines.errors import Denied, Unsupported
from tests.builders import a_call, a_deployment


def test_it_renders_and_reads() -> None:
    prompt = parse({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
    body = COHERE_CHAT.render(prompt, a_deployment(model="command"), Losses("Cohere"))
    assert body["model"] == "command"
    with pytest.raises(Exception, match="before its first event"):
        COHERE_CHAT.interpreter("Cohere").end(False)


def test_no_client_speaks_it() -> None:
    with pytest.raises(Unsupported):
        COHERE_CHAT.parse(a_call())


def test_its_errors_are_understood() -> None:
    body = b'{"id":"x","message":"Incorrect API key provided"}'
    error = COHERE_CHAT.upstream_error(401, [], body, a_deployment())
    assert isinstance(error, Denied)
