"""Which filling of Redis counts now, as one process knows it.

The rule: Redis is used only under an epoch that is open and of the very run of Redis that answers;
before one opens, every process registers what it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from pipelines.ledger import Account, Hold
from proxy.stores.ledger.redis_books import FILL_WITHIN, PREPARED, RedisBooks
from proxy.stores.ledger.redis_line import RedisLine, packed
from proxy.stores.ledger.redis_names import Names


class Epochs:
    """`current` is what the scripts are given, and empty while there is none, which `opened` can be
    waited for; `number` stays that of the last one."""

    def __init__(self, line: RedisLine, books: RedisBooks, names: Names) -> None:
        self._line = line
        self._books = books
        self._names = names
        self._registered = b""
        self.current = b""
        self.number = 0
        self.opened = asyncio.Event()

    def lose(self) -> None:
        """Use none until one is found."""
        self.current = b""
        self.opened.clear()

    async def find(self, held: Collection[Hold]) -> bool:
        """Whether an epoch is open; fills Redis where nobody else does. Raises
        LedgerUnavailable."""
        line, ask = self._line, packed(b"GET", self._names.epoch)
        (found,) = await line.run([ask])
        if found is None or line.run_id.encode() not in found:
            epoch = await self._books.prepare(line)
            if epoch is None:
                return False
            await self._register(PREPARED + epoch, held)
            await self._books.open(line, epoch)
            (found,) = await line.run([ask])
        if found is None:
            return False
        await self._register(found, held)
        if found.startswith(PREPARED):
            return False
        self.current, self.number = found, int(found.partition(b":")[0])
        self.opened.set()
        return True

    async def _register(self, epoch: bytes, held: Collection[Hold]) -> None:
        bare = epoch.removeprefix(PREPARED)
        if bare == self._registered:
            return
        commands = [self._names.reserve(epoch, _boundless(one)) for one in held]
        await self._line.run(commands, FILL_WITHIN)
        self._registered = bare


def _boundless(hold: Hold) -> Hold:
    accounts = tuple(Account(one.name) for one in hold.accounts)
    slots = tuple(replace(one, limit=2**31) for one in hold.slots)
    return replace(hold, accounts=accounts, rates=(), slots=slots)
