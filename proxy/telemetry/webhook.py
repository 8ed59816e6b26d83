"""Hands records to an address of the operator's, as JSON.

The rule: the forms are those of LiteLLM's generic API; a batch is written a few records at a time,
so that no call waits for all of it, and is signed as a whole.
https://docs.litellm.ai/docs/observability/generic_api
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson

from pipelines.clock import Clock
from pipelines.errors import Denied, Rejected
from pipelines.record import Record
from proxy.config.sinks import Hook
from proxy.signing import signed
from proxy.telemetry.payload import payload

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[object]]

_SLICE = 16


class Webhook:
    """Sends records to one address, through `post`."""

    def __init__(self, hook: Hook, post: Post, clock: Clock) -> None:
        self._hook = hook
        self._post = post
        self._now = clock.time

    async def __call__(self, records: Sequence[Record]) -> int:
        """Send them; gives how many were not accepted. Raises UpstreamError."""
        lines = await written(records, self._hook.telling)
        if self._hook.form == "single":
            return await self._one_by_one(lines)
        if self._hook.form == "ndjson":
            await self._sent(b"\n".join(lines), "application/x-ndjson")
        else:
            await self._sent(b"[" + b",".join(lines) + b"]")
        return 0

    async def _one_by_one(self, lines: Sequence[bytes]) -> int:
        lost = 0
        for line in lines:
            try:
                await self._sent(line)
            except Denied:
                raise
            except Rejected:
                lost += 1
        return lost

    async def _sent(self, body: bytes, kind: str = "application/json") -> None:
        hook = self._hook
        proof = signed(hook.secret, body, self._now()) if hook.secret else {}
        await self._post(hook.url, body, {"Content-Type": kind, **hook.headers, **proof})


async def written(records: Sequence[Record], telling: bool) -> list[bytes]:
    """Each record as one line of JSON."""
    lines: list[bytes] = []
    for number, record in enumerate(records, 1):
        lines.append(orjson.dumps(payload(record, telling), default=str))
        if number % _SLICE == 0:
            await asyncio.sleep(0)
    return lines
