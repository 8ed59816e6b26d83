"""The durable truth behind Redis: the books in PostgreSQL, and Redis filled from them.

The rule: an entry is written once, whoever writes it; Redis is filled only while nobody writes, and
each filling has a number, so that everybody knows which entries are in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pipelines.ledger import Account, Hold, Settlement
from proxy.stores.ledger.owed import ORPHANED
from proxy.stores.ledger.postgres_line import PostgresLine
from proxy.stores.ledger.pruning import add_up_postgres
from proxy.stores.ledger.redis_line import RedisLine, packed
from proxy.stores.ledger.redis_names import REMEMBERED, Names

PAGE = 1000
FILL_WITHIN = 10.0
# How long processes have to register what they hold before Redis is used again.
GRACE = 1.5
PREPARED = b"prepared:"
PREPARED_MS = b"15000"

_BOOK = "SELECT id, epoch, cost, state FROM headgate_ledger_book($1::jsonb)"
_TOTAL = (
    "SELECT coalesce(sum(cost), 0)::bigint FROM headgate_ledger_entry WHERE accounts @> ARRAY[$1]"
)
_ACCOUNTS = (
    "SELECT name, spent FROM headgate_ledger_account WHERE name > $1 AND spent <> 0"
    " ORDER BY name LIMIT $2"
)
_ORPHANS = (
    "SELECT id, cost FROM headgate_ledger_entry"
    " WHERE state = 2 AND at > headgate_ledger_now() - 3600"
)


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry as it stands: since which epoch, at what cost in nano-dollars, in which state."""

    epoch: int
    cost: int
    state: int


class RedisBooks:
    """Writes entries, and fills Redis from their sums."""

    def __init__(self, postgres: PostgresLine, names: Names, grace: float = GRACE) -> None:
        self._postgres = postgres
        self._names = names
        self._grace = grace

    async def book(self, records: Sequence[bytes]) -> Mapping[str, Booked]:
        """Write these entries; gives what stands in the books for each of them. Raises
        LedgerUnavailable."""
        text = b"[%b]" % b",".join(records)
        rows = await self._postgres.rows(_BOOK, text.decode())
        return {id: Booked(epoch, cost, state) for id, epoch, cost, state in rows}

    async def total(self, name: str) -> int:
        """The sum of all entries of an account. Raises LedgerUnavailable."""
        return int((await self._postgres.row(_TOTAL, name))[0])

    async def prune(self, older: float) -> None:
        """Add up the entries older than so many seconds. Raises LedgerUnavailable."""
        await add_up_postgres(self._postgres, older)

    async def prepare(self, line: RedisLine) -> bytes | None:
        """Fill Redis from the books; gives the epoch that the caller is to open, or None where
        somebody else fills it. Raises LedgerUnavailable."""
        names = self._names
        async with self._postgres.connection() as connection, connection.transaction():
            lock = "SELECT pg_advisory_xact_lock(hashtext('headgate_ledger_epoch'))"
            await connection.execute(lock)
            (found,) = await line.run([packed(b"GET", names.epoch)])
            if found is not None and line.run_id.encode() in found:
                return None
            row = await connection.fetchrow(
                "UPDATE headgate_ledger_epoch SET number = number + 1 RETURNING number"
            )
            epoch = b"%d:%b" % (row[0], line.run_id.encode())
            await self._emptied(line)
            await self._filled(line, connection)
            prepared = packed(b"SET", names.epoch, PREPARED + epoch, b"PX", PREPARED_MS)
            await line.run([prepared], FILL_WITHIN)
            return epoch

    async def open(self, line: RedisLine, epoch: bytes) -> None:
        """Let Redis be used, when everybody had the time to register what they hold. Raises
        LedgerUnavailable."""
        # Nobody can hold anything in a ledger that is used for the first time.
        if not epoch.startswith(b"1:"):
            await asyncio.sleep(self._grace)
        await line.run([packed(b"SET", self._names.epoch, epoch)])

    async def close(self) -> None:
        """Close the connections."""
        await self._postgres.close()

    async def _emptied(self, line: RedisLine) -> None:
        cursor = b"0"
        while True:
            scan = packed(b"SCAN", cursor, b"MATCH", self._names.everything, b"COUNT", b"1000")
            (found,) = await line.run([scan], FILL_WITHIN)
            cursor, keys = found
            if keys:
                await line.run([packed(b"UNLINK", *keys)], FILL_WITHIN)
            if cursor == b"0":
                return

    async def _filled(self, line: RedisLine, connection: Any) -> None:
        last = ""
        while True:
            rows = await connection.fetch(_ACCOUNTS, last, PAGE)
            await line.run(
                [
                    packed(b"HSET", self._names.account(name), b"s", b"%d" % spent)
                    for name, spent in rows
                ],
                FILL_WITHIN,
            )
            if len(rows) < PAGE:
                break
            last = rows[-1][0]
        commands: list[bytes] = []
        for id, cost in await connection.fetch(_ORPHANS):
            key = self._names.holds + id.encode()
            commands.append(packed(b"HSET", key, b"a", b"%d" % cost, b"st", b"O"))
            commands.append(packed(b"EXPIRE", key, REMEMBERED))
        await line.run(commands, FILL_WITHIN)


def corrections(records: Sequence[bytes], booked: Mapping[str, Booked]) -> Iterator[Settlement]:
    """What Redis settled in full for a process that had written the truth before it died."""
    for one in map(orjson.loads, records):
        known = booked.get(one["id"])
        if one["state"] == ORPHANED and known is not None and known.state != ORPHANED:
            accounts = tuple(Account(name) for name in one["accounts"])
            yield Settlement(Hold(one["id"], 0, accounts), known.cost)
