"""The ledger of replicas that share PostgreSQL and nothing else.

The rule: what waits is decided in one statement; settlements wait a moment and are written
together; where an answer was lost, what may have been held is given back.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipelines.errors import LedgerUnavailable
from pipelines.ledger import LEASE, Balance, Granted, Hold, Rate, Refused, Settlement
from proxy.background import Background
from proxy.stores.ledger.owed import GIVEN_BACK, KEPT_WAITING, KINDS, row, state_of
from proxy.stores.ledger.postgres_line import PostgresLine
from proxy.stores.ledger.pruning import add_up_postgres

SETTLE_WITHIN = 0.02
AGAIN_AFTER = 1.0
AT_ONCE = 32
MOST_ROWS = 64
MOST_EXPIRED = 200

_RESERVE = "SELECT * FROM headgate_ledger_reserve_all($1::jsonb, $2, $3)"
_EXTEND = "SELECT * FROM headgate_ledger_extend($1,$2,$3,$4)"
_SETTLE = "SELECT headgate_ledger_settle($1::jsonb)"
_RENEW = "UPDATE headgate_ledger_hold SET deadline = headgate_ledger_now() + $2 WHERE owner = $1"
_BALANCES = "SELECT name, spent, held FROM headgate_ledger_account WHERE name = ANY($1)"
_TOTAL = (
    "SELECT coalesce(sum(cost), 0)::bigint FROM headgate_ledger_entry WHERE accounts @> ARRAY[$1]"
)
_USED = (
    "SELECT coalesce(s.total, 0)::bigint FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY"
    " AS r(name, width, i), headgate_ledger_sliding(r.name, r.width, headgate_ledger_now()) s"
    " ORDER BY r.i"
)


_Answer = asyncio.Future[Granted | Refused]


class PostgresLedger:
    """Accounts, rates and slots in tables that the migrations make."""

    def __init__(self, address: str, background: Background, lease: float = LEASE) -> None:
        self._line = PostgresLine(address)
        self._background = background
        self._lease = lease
        self._owner = uuid.uuid4().hex
        self._asks: list[tuple[Hold, _Answer]] = []
        self._pump: asyncio.Task[None] | None = None
        self._waiting: list[dict[str, object]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing = asyncio.Lock()

    async def reserve(self, hold: Hold) -> Granted | Refused:
        """Take the hold, or nothing of it. Raises LedgerUnavailable."""
        answer: _Answer = self._background.loop.create_future()
        self._asks.append((hold, answer))
        if self._pump is None:
            self._pump = self._background.spawn(self._decide(), "ledger.reserve", shared=True)
        return await answer

    async def extend(self, hold: Hold, amount: int) -> Granted | Refused:
        """Add to what a hold holds, or nothing. Raises LedgerUnavailable."""
        names = [one.name for one in hold.accounts]
        limits = [one.limit for one in hold.accounts]
        found = await self._line.row(_EXTEND, hold.id, amount, names, limits)
        return Granted() if found["kind"] == 0 else _refused({**found, "wait": None})

    def settle(self, settlement: Settlement) -> None:
        """Put what was spent in the hold's place, once, within 20 milliseconds."""
        self._put(row(settlement, state_of(settlement)))

    async def balances(self, names: Sequence[str]) -> Mapping[str, Balance]:
        """What stands in these accounts. Raises LedgerUnavailable."""
        found = {name: Balance() for name in names}
        for name, spent, held in await self._line.rows(_BALANCES, list(names)):
            found[name] = Balance(spent, held)
        return found

    async def used(self, rates: Sequence[Rate]) -> tuple[int, ...]:
        """What these rates have used in their width until now. Raises LedgerUnavailable."""
        names, widths = [one.name for one in rates], [one.width for one in rates]
        return tuple(one[0] for one in await self._line.rows(_USED, names, widths))

    async def set_spent(self, name: str, spent: int) -> None:
        """Write an account's sum anew. Raises LedgerUnavailable."""
        await self.flush()
        id = f"set:{uuid.uuid4().hex}"
        await self._line.row("SELECT headgate_ledger_set($1, $2, $3)", id, name, spent)

    async def total(self, name: str) -> int:
        """The sum of all entries of an account."""
        return int((await self._line.row(_TOTAL, name))[0])

    async def tend(self) -> None:
        """Renew this process's leases, and settle in full what the dead have left."""
        await self.flush()
        await self._line.rows(_RENEW, self._owner, self._lease)
        await self._line.rows("SELECT headgate_ledger_reap($1)", MOST_EXPIRED)

    async def prune(self, older: float) -> None:
        """Add up the entries older than so many seconds. Raises LedgerUnavailable."""
        await add_up_postgres(self._line, older)

    async def flush(self) -> None:
        """Write what waits. Raises LedgerUnavailable where that cannot be done."""
        async with self._writing:
            while self._waiting:
                batch = self._waiting[:MOST_ROWS]
                await self._line.rows(_SETTLE, orjson.dumps(batch).decode())
                # A second time it changes nothing, so it is forgotten only now.
                del self._waiting[: len(batch)]

    async def close(self) -> None:
        """Write what waits, and close the connections."""
        if self._timer is not None:
            self._timer.cancel()
        if self._pump is not None:
            self._pump.cancel()
        try:
            await self.flush()
        finally:
            await self._line.close()

    async def _decide(self) -> None:
        try:
            while self._asks:
                asks, self._asks = self._asks[:AT_ONCE], self._asks[AT_ONCE:]
                asks = [one for one in asks if not one[1].cancelled()]
                if asks:
                    await self._asked(asks)
        except LedgerUnavailable as error:
            self._fail(error.message)
        finally:
            self._pump = None
            self._fail("The ledger is being closed.")

    async def _asked(self, asks: Sequence[tuple[Hold, _Answer]]) -> None:
        text = orjson.dumps([_ask(hold) for hold, _ in asks]).decode()
        found: Sequence[Any] = ()
        sent = False
        try:
            async with self._line.connection() as connection:
                sent = True
                found = await connection.fetch(_RESERVE, text, self._lease, self._owner)
        finally:
            if not found:
                self._asks = [*asks, *self._asks]
            if not found and sent:
                for hold, _ in asks:
                    self._give_back(hold)
        for (hold, answer), one in zip(asks, found, strict=True):
            granted = one["kind"] == 0
            if answer.done():
                # Who asked is gone, and will not settle it.
                if granted:
                    self._give_back(hold)
            else:
                answer.set_result(Granted(tuple(one["remains"])) if granted else _refused(one))

    def _fail(self, words: str) -> None:
        asks, self._asks = self._asks, []
        for _, answer in asks:
            if not answer.done():
                answer.set_exception(LedgerUnavailable(words))

    def _give_back(self, hold: Hold) -> None:
        self._put(row(Settlement(hold, 0, (0,) * len(hold.rates)), GIVEN_BACK))

    def _put(self, row: dict[str, object]) -> None:
        if len(self._waiting) >= KEPT_WAITING:
            # Those at the front may be on their way.
            del self._waiting[MOST_ROWS]
        self._waiting.append(row)
        self._wake(SETTLE_WITHIN)

    def _wake(self, delay: float) -> None:
        if self._timer is None:
            self._timer = self._background.loop.call_later(delay, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._background.spawn(self._write(), "ledger.settle")

    async def _write(self) -> None:
        try:
            await self.flush()
        except LedgerUnavailable:
            self._wake(AGAIN_AFTER)


def _ask(hold: Hold) -> dict[str, object]:
    accounts, rates, slots = hold.accounts, hold.rates, hold.slots
    return {
        "id": hold.id,
        "amount": hold.amount,
        "accounts": [one.name for one in accounts],
        "limits": [one.limit for one in accounts],
        "rates": [one.name for one in rates],
        "rate_limits": [one.limit for one in rates],
        "costs": [one.cost for one in rates],
        "widths": [one.width for one in rates],
        "slots": [one.name for one in slots],
        "slot_limits": [one.limit for one in slots],
    }


def _refused(found: Mapping[str, Any]) -> Refused:
    kind, held = KINDS[found["kind"] - 1], found.get("standing") or 0
    place, left, used = found["place"], found["remaining"], found["used"]
    return Refused(kind, place, left, used, found["wait"], held)
