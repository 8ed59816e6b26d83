"""The connections to PostgreSQL that a ledger uses.

The rule: whatever goes wrong there is told as LedgerUnavailable, and nobody waits longer than
`PATIENCE` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pipelines.errors import LedgerUnavailable

PATIENCE = 2.0
CONNECTIONS = 4


class PostgresLine:
    """A few connections, opened when they are first needed; `address` is one that asyncpg reads."""

    def __init__(self, address: str, connections: int = CONNECTIONS) -> None:
        # It is large, and files have no use for it.
        import asyncpg

        driver = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
        self._broken = (*driver, OSError, TimeoutError)
        self._create = asyncpg.create_pool
        self._address = address
        self._connections = connections
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def rows(self, statement: str, *values: object) -> Sequence[Any]:
        """What the statement gives. Raises LedgerUnavailable."""
        async with self.connection() as connection:
            found: Sequence[Any] = await connection.fetch(statement, *values)
            return found

    async def row(self, statement: str, *values: object) -> Any:
        """The first row that the statement gives. Raises LedgerUnavailable."""
        async with self.connection() as connection:
            return await connection.fetchrow(statement, *values)

    async def close(self) -> None:
        """Close the connections."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), PATIENCE)
        except self._broken:
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """One connection. Raises LedgerUnavailable, whatever fails within."""
        try:
            pool = self._pool or await self._opened()
            async with pool.acquire(timeout=PATIENCE) as connection:
                yield connection
        except self._broken as error:
            raise LedgerUnavailable(
                f"The ledger's database cannot be used just now ({type(error).__name__})."
            ) from None

    async def _opened(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await self._create(
                    self._address,
                    min_size=0,
                    max_size=self._connections,
                    timeout=PATIENCE,
                    command_timeout=PATIENCE,
                    reset=_as_it_is,
                    server_settings={"application_name": "headgate-ledger"},
                )
            return self._pool


async def _as_it_is(connection: object) -> None:
    """Ask for no reset: a ledger leaves nothing behind in its connections."""
