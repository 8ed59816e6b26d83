"""Known replies through the real gateway, with the official SDK."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.configs import config, entry, mocks
from tests.e2e.gateway import Gateway, running
from tests.e2e.plain import CHAT, ask, chat, dialled, request, until
from tests.e2e.provider import Provider
from tests.e2e.sdk import HELLO, async_client, client


@pytest.fixture(scope="module")
def gateway(provider: Provider, folder: Path) -> Iterator[Gateway]:
    """A gateway with a cache in memory."""
    models = [*mocks(), entry("faulty/*", "openai_like/*", provider.url)]
    cached = config(*models, litellm_settings={"cache": True, "cache_params": {"type": "local"}})
    with running(folder, cached) as found:
        yield found


def test_a_second_stream_has_the_same_bytes_and_asks_nobody(
    gateway: Gateway, provider: Provider
) -> None:
    body = chat("faulty/ok@twice")
    first, second = ask(gateway, body=body), ask(gateway, body=body)
    assert first.body == second.body
    provider.asked("ok@twice")
    states = [one.headers["x-headgate-cache"] for one in (first, second)]
    assert states == ["miss", "hit"]
    assert len(gateway.ended("faulty/ok@twice", 2)) == 2


def test_the_sdk_gets_a_whole_reply_from_a_stream_and_the_other_way_round(
    gateway: Gateway,
) -> None:
    with client(gateway) as sdk:
        chats, model = sdk.chat.completions, "mock/words5-rate0"
        said = "".join(
            chunk.choices[0].delta.content or ""
            for chunk in chats.create(model=model, messages=HELLO, stream=True)
            if chunk.choices
        )
        raw = chats.with_raw_response.create(model=model, messages=HELLO)
        assert raw.headers["x-headgate-cache"] == "hit"
        assert raw.parse().choices[0].message.content == said
        assert len(raw.headers["x-litellm-cache-key"]) == 64


async def test_many_identical_streams_ask_once_and_arrive_piece_by_piece(
    gateway: Gateway, provider: Provider
) -> None:
    async def stream() -> tuple[str, float]:
        said, times = "", []
        answer = await sdk.chat.completions.create(
            model="faulty/slow@many", messages=HELLO, stream=True
        )
        async for chunk in answer:
            times.append(time.monotonic())
            said += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if len(times) == 5:
                break
        await answer.close()
        return said, times[-1] - times[0]

    async with async_client(gateway) as sdk:
        found = await asyncio.gather(*(stream() for _ in range(20)))
    provider.asked("slow@many")
    assert len({said for said, _ in found}) == 1
    assert min(span for _, span in found) > 0.01
    provider.left("slow@many")


def test_a_retry_with_its_idempotency_key_is_not_paid_twice(gateway: Gateway) -> None:
    body = {**chat("mock/words20-rate40"), "cache": {"no-cache": True, "no-store": True}}
    headers = {"Idempotency-Key": "retry-1"}
    with dialled(gateway, request(body, CHAT, "Idempotency-Key: retry-1")) as sock:
        until(sock, b"word1")
    again = ask(gateway, body=body, headers=headers)
    assert again.headers["x-headgate-idempotent-replay"] == "true"
    assert again.body.count(b"word19") == 1
    other = ask(gateway, body={**body, "seed": 1}, headers=headers)
    assert other.status == 422


def test_a_stream_is_resumed_where_its_client_has_come_to(gateway: Gateway) -> None:
    body = {**chat("mock/words8-rate0"), "seed": 7}
    first = ask(gateway, body=body, headers={"x-headgate-resumable": "true"})
    id = first.headers["x-headgate-stream-id"]
    rest = ask(gateway, body=body, headers={"Last-Event-ID": f"{id}:3"})
    assert rest.body == first.body[first.body.index(f"id: {id}:4\n".encode()) :]
