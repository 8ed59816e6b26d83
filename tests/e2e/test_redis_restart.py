"""A Redis that is killed and comes back empty is filled anew under a gateway that goes on."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.configs import config
from tests.e2e.crowd import Crowd, models
from tests.e2e.gateway import KEY, Gateway, running
from tests.fakes.servers import postgres, start_redis

RECOVERS_WITHIN = 8.0
# Long enough for everything that leaves a broken server alone to do so.
AWAY = 6.0
CHAT = {"model": "quick", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}


async def status(gateway: Gateway, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(gateway.url, headers=headers) as session,
        session.post("/v1/chat/completions", json=CHAT) as reply,
    ):
        await reply.read()
        return reply.status


async def until(gateway: Gateway, key: str, wanted: int) -> float:
    """Seconds until calls end so."""
    begun = time.monotonic()
    while (found := await status(gateway, key)) != wanted:
        assert time.monotonic() - begun < RECOVERS_WITHIN, f"still {found}"
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


async def told(crowd: Crowd) -> int:
    """What was spent, as soon as the admin API's own connection is back too."""
    begun = time.monotonic()
    while True:
        try:
            return await crowd.spent()
        except AssertionError:
            assert time.monotonic() - begun < RECOVERS_WITHIN
        await asyncio.sleep(0.2)


async def test_calls_with_budgets_go_on_a_few_seconds_after_redis_is_back(tmp_path: Path) -> None:
    server = start_redis()
    general = {"master_key": KEY, "database_url": postgres().new_database()}
    own: dict[str, Any] = {"redis_url": server.url}
    text = config(*models(), general_settings=general, headgate_settings=own)
    try:
        with running(tmp_path, text) as gateway:
            crowd = Crowd([gateway])
            await crowd.make_key(max_budget=1.0)
            await crowd.run(10)
            await asyncio.sleep(0.3)
            before = await crowd.spent()
            assert before > 0
            server.stop(signal.SIGKILL)
            await until(gateway, crowd.key, 503)
            begun = time.monotonic()
            while time.monotonic() - begun < AWAY:
                assert await status(gateway, crowd.key) == 503
                await asyncio.sleep(0.2)
            server.start()
            await until(gateway, crowd.key, 200)
            await asyncio.sleep(0.3)
            after = await told(crowd)
            # Nothing that was spent is forgotten, and the one call that got through is counted.
            assert before < after < before * 1.5
    finally:
        server.stop()
