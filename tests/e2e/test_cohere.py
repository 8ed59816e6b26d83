"""Cohere's own SDK against a gateway whose providers speak OpenAI's chat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError

from tests.e2e.gateway import KEY, Gateway

HELLO: Any = [{"role": "user", "content": "Hi there"}]


@contextmanager
def client(gateway: Gateway, key: str = KEY) -> Iterator[cohere.ClientV2]:
    """The client of a program, pointed at the gateway and changed in nothing else."""
    with httpx.Client() as http:
        yield cohere.ClientV2(api_key=key, base_url=gateway.url, httpx_client=http)


def test_a_whole_answer(gateway: Gateway) -> None:
    with client(gateway) as ours:
        reply: Any = ours.chat(model="demo", messages=HELLO)
    assert reply.message.content[0].text
    assert reply.finish_reason == "COMPLETE"
    assert reply.usage.tokens.output_tokens > 0


def test_a_streamed_answer(gateway: Gateway) -> None:
    with client(gateway) as ours:
        events: list[Any] = list(ours.chat_stream(model="demo", messages=HELLO))
    words = [one.delta.message.content.text for one in events if one.type == "content-delta"]
    assert len(words) > 1
    assert events[0].type == "message-start"
    assert events[-1].delta.finish_reason == "COMPLETE"


def test_errors_are_its_own(gateway: Gateway) -> None:
    with client(gateway, "sk-wrong") as ours, pytest.raises(ApiError) as refused:
        ours.chat(model="demo", messages=HELLO)
    assert refused.value.status_code == 401
    with client(gateway) as ours, pytest.raises(ApiError) as found:
        ours.chat(model="nobody-serves-this", messages=HELLO)
    assert found.value.status_code == 404
    assert "nobody-serves-this" in found.value.body["message"]
