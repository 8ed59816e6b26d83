"""Gateways that share a Redis agree on who rests, and fail no call when it goes and comes."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running, soon
from tests.e2e.plain import ask, chat
from tests.e2e.provider import Provider
from tests.fakes.servers import Redis, start_redis

WELL = {"model": "well", "messages": [{"role": "user", "content": "Hello"}]}
CACHE = {"cache": True, "cache_params": {"type": "redis"}}


def gateways(stack: ExitStack, folder: Path, server: Redis, url: str) -> list[Gateway]:
    found = []
    for name in ("one", "two"):
        own: dict[str, Any] = {"redis_url": server.url, "data_dir": str(folder / name / "data")}
        (folder / name).mkdir()
        text = config(
            entry("broken", "openai_like/401", url),
            entry("broken", "mock/words5-rate0"),
            entry("well", "mock/words5-rate0"),
            router_settings={"cooldown_time": 30, "allowed_fails": 0},
            litellm_settings=CACHE,
            headgate_settings=own,
        )
        found.append(stack.enter_context(running(folder / name, text)))
    return found


def resting(gateway: Gateway) -> list[str]:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = ask(gateway, "/health", method="GET", headers=headers).json
    return [one["model_id"] for one in answer["unhealthy_endpoints"]]


def connected(gateway: Gateway) -> bool | None:
    state = ask(gateway, "/health/readiness", method="GET").json["redis"]
    return True if state == "connected" else None


async def calls(urls: list[str], count: int) -> Counter[int]:
    """How so many calls end."""
    ends: Counter[int] = Counter()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def one(number: int) -> None:
            await asyncio.sleep(number * 0.006)
            url = f"{urls[number % len(urls)]}/v1/chat/completions"
            body = {**WELL, "seed": number % 50}
            async with session.post(url, json=body) as reply:
                await reply.read()
                ends[reply.status] += 1

        await asyncio.gather(*(one(number) for number in range(count)))
    return ends


async def test_two_gateways_agree_and_go_on_while_redis_is_killed_and_started(
    tmp_path: Path, provider: Provider
) -> None:
    server = start_redis()
    try:
        with ExitStack() as stack:
            one, two = gateways(stack, tmp_path, server, provider.url)
            for seed in range(20):
                # Each is another call to the cache.
                assert ask(one, body=chat("broken", stream=False, seed=seed)).status == 200
            assert resting(one)
            assert soon(lambda: resting(two), 1.0) == resting(one)
            work = asyncio.ensure_future(calls([one.url, two.url], 500))
            await asyncio.sleep(1.0)
            await asyncio.to_thread(server.stop, signal.SIGKILL)
            await asyncio.sleep(1.0)
            await asyncio.to_thread(server.start)
            assert await work == {200: 500}
            assert soon(lambda: connected(one), 10.0)
    finally:
        server.stop(signal.SIGKILL)
