"""A revoked key stops everywhere within a second, and without a database nobody new is let in."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.configs import config
from tests.e2e.crowd import Crowd, gateways, models
from tests.e2e.gateway import KEY, Gateway, running
from tests.fakes.servers import start_postgres

WITHIN = 1.0
CHAT = {"model": "quick", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}


async def status(gateway: Gateway, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(gateway.url, headers=headers) as session,
        session.post("/v1/chat/completions", json=CHAT) as reply,
    ):
        await reply.read()
        return reply.status


async def stops_within(gateway: Gateway, key: str) -> float:
    """Seconds until the key is refused."""
    begun = time.monotonic()
    while await status(gateway, key) == 200:
        assert time.monotonic() - begun < 10
        await asyncio.sleep(0.01)
    assert await status(gateway, key) == 401
    return time.monotonic() - begun


@pytest.mark.parametrize("backend", ["shared", "postgres", "redis"])
async def test_what_one_process_revokes_the_other_refuses_within_a_second(
    backend: str, tmp_path: Path
) -> None:
    with gateways(tmp_path, backend, 2) as (first, second):
        crowd = Crowd([first])
        for how in ("block", "delete") * 3:
            await crowd.make_key()
            assert await status(first, crowd.key) == await status(second, crowd.key) == 200
            body: dict[str, Any] = {"key": crowd.key} if how == "block" else {"keys": [crowd.key]}
            await crowd.admin(f"/key/{how}", **body)
            assert await stops_within(second, crowd.key) < WITHIN
            assert await status(first, crowd.key) == 401


async def test_without_a_database_the_known_go_on_and_nobody_else_is_let_in(
    tmp_path: Path,
) -> None:
    server = start_postgres()
    try:
        general = {"master_key": KEY, "database_url": server.new_database()}
        with running(tmp_path, config(*models(), general_settings=general)) as gateway:
            crowd = Crowd([gateway])
            await crowd.make_key()
            unseen = crowd.key
            await crowd.make_key()
            known = crowd.key
            assert await status(gateway, known) == 200
            server.stop()
            for _ in range(3):
                assert await status(gateway, known) == 200
                assert await status(gateway, KEY) == 200
                assert await status(gateway, unseen) == 503
                assert await status(gateway, "sk-made-up") == 503
                await asyncio.sleep(0.4)
            server.start()
            for _ in range(100):
                if await status(gateway, unseen) == 200:
                    break
                await asyncio.sleep(0.1)
            assert await status(gateway, unseen) == 200
            assert await status(gateway, "sk-made-up") == 401
    finally:
        server.stop()
