"""A crowd of clients that all spend from one budget, through one or several gateways.

The rule: whatever a client does, the sum that the gateway tells afterwards is what counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp

from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running
from tests.fakes.servers import postgres, redis

PATIENCE = aiohttp.ClientTimeout(total=60)
WORDS = 40
PRICED: dict[str, Any] = {"input_cost_per_token": 1e-6, "output_cost_per_token": 3e-6}
Manner = Literal["whole", "streamed", "mixed"]
BACKENDS = ("embedded", "shared", "postgres", "redis")


def models() -> list[dict[str, Any]]:
    """Models that are quick, slow and slower; all of them cost."""
    return [
        entry("slower", f"mock/words{WORDS}-rate20", **PRICED),
        entry("slow", f"mock/words{WORDS}-rate200", **PRICED),
        entry("quick", f"mock/words{WORDS}-rate0", **PRICED),
    ]


@contextmanager
def gateways(folder: Path, backend: str, count: int) -> Iterator[list[Gateway]]:
    """So many gateways over one store of this kind (an embedded one serves but one)."""
    own: dict[str, Any] = {"data_dir": str(folder / "data"), "shared_data": backend == "shared"}
    if backend in ("postgres", "redis"):
        own["database"] = postgres().new_database()
    if backend == "redis":
        own["redis_url"] = f"{redis().url[:-1]}1"
    database = own.pop("database", None)
    general = {"master_key": KEY, **({"database_url": database} if database else {})}
    text = config(*models(), general_settings=general, headgate_settings=own)
    with ExitStack() as stack:
        found = []
        for number in range(1 if backend == "embedded" else count):
            place = folder / f"gateway{number}"
            place.mkdir()
            found.append(stack.enter_context(running(place, text)))
        yield found


class Crowd:
    """Clients of one key; `ends` counts how their calls ended."""

    def __init__(self, gateways: Sequence[Gateway]) -> None:
        self._urls = [one.url for one in gateways]
        self.key = ""
        self.ends: Counter[str] = Counter()
        self.refusals: list[dict[str, Any]] = []

    async def admin(self, path: str, **body: Any) -> dict[str, Any]:
        """One admin call; a GET where there is no body."""
        headers = {"Authorization": f"Bearer {KEY}"}
        async with aiohttp.ClientSession(self._urls[0], headers=headers) as session:
            asked = session.post(path, json=body) if body else session.get(path)
            async with asked as reply:
                found: dict[str, Any] = await reply.json()
                assert reply.status == 200, found
                return found

    async def make_key(self, **limits: Any) -> None:
        """A new key for the whole crowd."""
        self.key = (await self.admin("/key/generate", models=[], **limits))["key"]

    async def spent(self) -> int:
        """What the key has spent, in nano-dollars."""
        info = (await self.admin(f"/key/info?key={self.key}"))["info"]
        spent: int = round(info["total_spend"] * 10**9)
        return spent

    async def run(self, calls: int, model: str = "quick", manner: Manner = "whole") -> None:
        """So many calls at once; of a mixed crowd half stream, and one in five leaves half way."""
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Authorization": f"Bearer {self.key}"}
        async with aiohttp.ClientSession(
            connector=connector, headers=headers, timeout=PATIENCE
        ) as session:
            await asyncio.gather(
                *(self._call(session, number, model, manner) for number in range(calls))
            )

    async def _call(
        self, session: aiohttp.ClientSession, number: int, model: str, manner: Manner
    ) -> None:
        streams = manner == "streamed" or (manner == "mixed" and number % 2 == 0)
        leaves = manner == "mixed" and number % 5 == 0
        body = {
            "model": model,
            "stream": streams,
            "max_tokens": WORDS * 2,
            "messages": [{"role": "user", "content": f"Number {number}, please."}],
        }
        url = f"{self._urls[number % len(self._urls)]}/v1/chat/completions"
        try:
            async with session.post(url, json=body) as reply:
                if reply.status != 200:
                    self.ends[str(reply.status)] += 1
                    self.refusals.append(await reply.json())
                    return
                if leaves and streams:
                    await reply.content.read(400)
                    reply.close()
                    self.ends["left"] += 1
                    return
                text = await reply.text()
                self.ends["cut" if "budget_exceeded" in text else "ok"] += 1
        except aiohttp.ClientError as error:
            self.ends[type(error).__name__] += 1
