"""Between two who speak Messages, calls pass untouched."""

from __future__ import annotations

import orjson

from pipelines.call import Call
from pipelines.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from pipelines.dialects.base import SendsHeaders
from pipelines.operations import MESSAGES
from pipelines.providers.load import load_catalog
from tests.builders import a_deployment
from tests.pipelines.dialects.anthropic.given import (
    RICH,
    a_call,
)


def test_bytes_pass_untouched_but_for_the_model() -> None:
    raw = b'{ "model":"a", "max_tokens":1,"messages":[], "metadata":{"user_id":"u"} }'
    got = ANTHROPIC_MESSAGES.forward(Call(MESSAGES, raw, []), a_deployment(model="claude-x"))
    assert got == raw.replace(b'"a"', b'"claude-x"')
    filled = a_deployment(model="c", defaults={"temperature": 0})
    assert (
        orjson.loads(ANTHROPIC_MESSAGES.forward(Call(MESSAGES, raw, []), filled))["temperature"]
        == 0
    )


def test_betas_are_handed_on() -> None:
    assert isinstance(ANTHROPIC_MESSAGES, SendsHeaders)
    assert ANTHROPIC_MESSAGES.headers(a_call(RICH, anthropic_beta="a,b")) == {
        "anthropic-beta": "a,b"
    }
    assert ANTHROPIC_MESSAGES.headers(a_call(RICH)) == {}


def test_every_request_names_the_version() -> None:
    assert load_catalog()["anthropic"].headers == {"anthropic-version": "2023-06-01"}
