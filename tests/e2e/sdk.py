"""The official SDK as its users write it, pointed at the gateway and changed in nothing else."""

from __future__ import annotations

from typing import Any

from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionUserMessageParam

from tests.e2e.gateway import KEY, Gateway

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hi there"}]


def client(gateway: Gateway, **options: Any) -> OpenAI:
    """The client of a program; close it."""
    return OpenAI(**{"base_url": f"{gateway.url}/v1", "api_key": KEY, "max_retries": 0, **options})


def async_client(gateway: Gateway, **options: Any) -> AsyncOpenAI:
    """The client of an asynchronous program; close it."""
    given = {"base_url": f"{gateway.url}/v1", "api_key": KEY, "max_retries": 0, **options}
    return AsyncOpenAI(**given)


def text(chunks: list[ChatCompletionChunk]) -> str:
    """The words of a stream."""
    return "".join(choice.delta.content or "" for one in chunks for choice in one.choices)
