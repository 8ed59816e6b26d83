"""Keeps the table of prices fresh, where the operator named a source of newer ones.

The rule: a table that does not come or cannot be read changes nothing; the old one stays in use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from pipelines.clock import Clock
from pipelines.errors import UpstreamError
from pipelines.pricing.table import BadTable, PriceBook, read_table
from proxy.telemetry.logging import get_logger

EVERY = 6 * 3600.0
AGAIN = 300.0


class PriceRefresh:
    """Reads prices from an address or a file, at once and every six hours."""

    def __init__(
        self, book: PriceBook, source: str, fetch: Callable[[str], Awaitable[bytes]], clock: Clock
    ) -> None:
        self._book = book
        self._source = source
        self._fetch = fetch
        self._clock = clock

    async def once(self) -> bool:
        """Read the prices now; whether they are in use."""
        try:
            raw = await self._read()
            # Some thousand rows are checked, which takes longer than a call may wait.
            table = await asyncio.to_thread(read_table, raw)
        except (UpstreamError, OSError, BadTable) as error:
            reason = error.message if isinstance(error, UpstreamError) else str(error)
            get_logger(__name__).warning("the prices are not renewed", reason=reason)
            return False
        self._book.replace(table)
        get_logger(__name__).info("the prices are renewed", source=table.source)
        return True

    async def run(self) -> None:
        """Read them again and again; runs until it is cancelled."""
        while True:
            await self._clock.sleep(EVERY if await self.once() else AGAIN)

    async def _read(self) -> bytes:
        if self._source.startswith(("http://", "https://")):
            return await self._fetch(self._source)
        return await asyncio.to_thread(Path(self._source.removeprefix("file://")).read_bytes)
