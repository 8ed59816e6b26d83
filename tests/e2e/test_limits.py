"""Limits of a key, as clients meet them: refused with a time, or queued as OpenWebUI needs it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running

BURST = 60
SLOTS = 5


def limits(answer: Any) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower().startswith("x-ratelimit-") or name.lower() == "retry-after"
    }


async def a_key(gateway: Gateway, **more: Any) -> str:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(gateway.url, headers=headers) as session,
        session.post("/key/generate", json=more) as reply,
    ):
        key: str = (await reply.json())["key"]
        return key


async def burst(gateway: Gateway, key: str) -> list[tuple[int, dict[str, str], Any]]:
    """What OpenWebUI does with a document: all its pieces at once."""

    async def one(session: aiohttp.ClientSession, number: int) -> tuple[int, dict[str, str], Any]:
        body = {"model": "embed", "input": [f"Piece {number} of a document."]}
        async with session.post("/v1/embeddings", json=body) as reply:
            return reply.status, limits(reply), await reply.json()

    async with aiohttp.ClientSession(
        gateway.url,
        headers={"Authorization": f"Bearer {key}"},
        connector=aiohttp.TCPConnector(limit=0),
    ) as session:
        return await asyncio.gather(*(one(session, number) for number in range(BURST)))


async def test_a_burst_of_embeddings_queues_for_its_slots_instead_of_failing(
    tmp_path: Path,
) -> None:
    text = config(entry("embed", "mock/words5-rate0"), queue_on_limit=10)
    with running(tmp_path, text) as gateway:
        found = await burst(gateway, await a_key(gateway, max_parallel_requests=SLOTS))
        assert Counter(status for status, *_ in found) == {200: BURST}
        # What is not free in time is refused at once, for nobody waits a minute for nothing.
        found = await burst(gateway, await a_key(gateway, rpm_limit=20))
        assert Counter(status for status, *_ in found) == {200: 20, 429: BURST - 20}


async def test_headers_tell_what_is_left_and_when_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path, config(entry("embed", "mock/words5-rate0"))) as gateway:
        found = await burst(gateway, await a_key(gateway, rpm_limit=20, tpm_limit=100_000))
        assert Counter(status for status, *_ in found) == {200: 20, 429: BURST - 20}
        good = [headers for status, headers, _ in found if status == 200]
        left = sorted(int(one["x-ratelimit-remaining-requests"]) for one in good)
        assert left == list(range(20))
        for headers in good:
            assert headers["x-ratelimit-limit-requests"] == "20"
            assert headers["x-ratelimit-limit-tokens"] == "100000"
            assert int(headers["x-ratelimit-remaining-tokens"]) < 100_000
            assert headers["x-ratelimit-reset-requests"] == "60s"
            assert "retry-after" not in headers
        for status, headers, body in found:
            if status == 429:
                assert 50 <= int(headers["retry-after"]) <= 61
                assert headers["x-ratelimit-limit-requests"] == "20"
                assert headers["x-ratelimit-remaining-requests"] == "0"
                assert 50 <= int(headers["x-ratelimit-reset-requests"][:-1]) <= 61
                assert "Limit type: requests. Current limit: 20" in body["error"]["message"]
                assert body["detail"] == body["error"]["message"]
