"""The ledger of replicas that share Redis, with PostgreSQL as the durable truth behind it.

The rule: what waits goes to Redis in one batch a turn of the loop, and to PostgreSQL behind
everybody's back; nobody is let in on a Redis that lost what it knew, until it is filled anew.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pipelines.clock import Clock
from pipelines.errors import LedgerUnavailable
from pipelines.ledger import LEASE, Balance, Granted, Hold, Rate, Refused, Settlement
from proxy.background import Background
from proxy.stores.ledger.breaker import Breaker
from proxy.stores.ledger.owed import GIVEN_BACK, KINDS, SETTLED
from proxy.stores.ledger.postgres_line import PostgresLine
from proxy.stores.ledger.redis_books import GRACE, RedisBooks, corrections
from proxy.stores.ledger.redis_debts import Debts, Owed
from proxy.stores.ledger.redis_epochs import Epochs
from proxy.stores.ledger.redis_line import DEADLINE, RedisLine, packed
from proxy.stores.ledger.redis_names import PREFIX, Names

AT_ONCE = 64
ROWS = 500
SETTLE_WITHIN = 0.01
WRITE_WITHIN = 0.05
AGAIN_AFTER = 0.25
POLL = 0.1
BEAT = 0.5
READY_WITHIN = 5.0
READ_WITHIN = 2.0
PAGES = 50
MOST_EXPIRED = 200
LOST = b"-1"


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """How long things may take, in seconds, and under which prefix the keys are; `deadline` is for
    calls, `patience` for everything that no call waits for."""

    prefix: str = PREFIX
    lease: float = LEASE
    deadline: float = DEADLINE
    grace: float = GRACE
    patience: float = READ_WITHIN


@dataclass(slots=True, eq=False)
class _Ask:
    hold: Hold
    more: int | None
    answer: asyncio.Future[Granted | Refused]


class RedisLedger:
    """Accounts, rates and slots in Redis; `address` is the PostgreSQL that has the books."""

    def __init__(
        self,
        url: str,
        address: str,
        background: Background,
        clock: Clock,
        options: RedisOptions | None = None,
    ) -> None:
        options = options or RedisOptions()
        self._background, self._patience = background, options.patience
        self._names = Names(options.prefix, options.lease)
        self.breaker = Breaker(clock.monotonic)
        self._line = RedisLine(url, self.breaker, options.deadline)
        # Calls do not wait behind what has more time than they have.
        self._slow_line = RedisLine(url, Breaker(clock.monotonic), options.patience)
        self._books = RedisBooks(PostgresLine(address, 2), self._names, options.grace)
        self._debts = Debts()
        self._asks: list[_Ask] = []
        self._back: list[Hold] = []
        self.held: dict[str, Hold] = {}
        self._epochs = Epochs(self._line, self._books, self._names)
        self._turning, self._writing = asyncio.Lock(), asyncio.Lock()
        self._pump: asyncio.Task[None] | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def open(self) -> None:
        """Connect, and fill Redis where that is due; Redis may also come later."""
        self._recover_soon()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._epochs.opened.wait(), READY_WITHIN)

    async def reserve(self, hold: Hold) -> Granted | Refused:
        """Take the hold, or nothing of it. Raises LedgerUnavailable."""
        return await self._asked(hold, None)

    async def extend(self, hold: Hold, amount: int) -> Granted | Refused:
        """Add to what a hold holds, or nothing. Raises LedgerUnavailable."""
        return await self._asked(hold, amount)

    def settle(self, settlement: Settlement) -> None:
        """Put what was spent in the hold's place, once, within some milliseconds."""
        self.held.pop(settlement.hold.id, None)
        self._debts.add(settlement)
        self._later("turn", SETTLE_WITHIN, self._turn_soon)
        self._later("write", WRITE_WITHIN, self._write_soon)

    async def balances(self, names: Sequence[str]) -> Mapping[str, Balance]:
        """What stands in these accounts. Raises LedgerUnavailable."""
        asked = [packed(b"HMGET", self._names.account(name), b"s", b"h") for name in names]
        await self._filled()
        known = self._epochs.current
        epoch, *found = await self._checked([packed(b"GET", self._names.epoch), *asked])
        if epoch != known:
            raise self._gone()
        return {
            name: Balance(int(spent or 0), int(held or 0))
            for name, (spent, held) in zip(names, found, strict=True)
        }

    async def used(self, rates: Sequence[Rate]) -> tuple[int, ...]:
        """What these rates have used in their width until now. Raises LedgerUnavailable."""
        (found,) = await self._checked([self._names.used(rates)])
        return tuple(int(one) for one in found.split())

    async def set_spent(self, name: str, spent: int) -> None:
        """Write an account's sum anew. Raises LedgerUnavailable."""
        await self._filled()
        await self.flush()
        id = f"set:{uuid.uuid4().hex}"
        command = self._names.set_spent(self._epochs.current, name, spent, id)
        (answer,) = await self._checked([command])
        if answer == LOST:
            raise self._gone()
        await self._collect()

    async def total(self, name: str) -> int:
        """The sum of all entries of an account, from the books."""
        return await self._books.total(name)

    async def tend(self) -> None:
        """Renew this process's leases, and settle and book what the dead have left."""
        await self.flush()
        held = list(self.held.values())
        for start in range(0, len(held), AT_ONCE):
            await self._checked([self._names.renew(one) for one in held[start : start + AT_ONCE]])
        await self._checked([self._names.reap(self._epochs.current, MOST_EXPIRED)])
        await self._collect()

    async def prune(self, older: float) -> None:
        """Add up the entries older than so many seconds. Raises LedgerUnavailable."""
        await self._books.prune(older)

    async def flush(self) -> None:
        """Wait until Redis and the books have what was settled. Raises LedgerUnavailable."""
        while self._debts.uncounted or self._back:
            await self._turn()
        await self._write()
        while self._debts.uncounted or self._debts.landed:
            await self._turn()

    async def close(self) -> None:
        """Write what waits, and close the connections."""
        try:
            await self.flush()
        finally:
            for timer in self._timers.values():
                timer.cancel()
            for task in (self._pump, self._recovery):
                if task is not None:
                    task.cancel()
            await self._line.close()
            await self._slow_line.close()
            await self._books.close()

    async def _asked(self, hold: Hold, more: int | None) -> Granted | Refused:
        if not self._epochs.current:
            raise self._gone()
        ask = _Ask(hold, more, self._background.loop.create_future())
        self._asks.append(ask)
        if self._pump is None:
            self._turn_soon()
        return await ask.answer

    async def _checked(self, commands: Sequence[bytes]) -> list[Any]:
        await self._filled()
        answers = await self._slow_line.run(commands)
        for one in answers:
            if isinstance(one, Exception):
                raise LedgerUnavailable("Redis keeps something else under one of our keys.")
        return answers

    async def _filled(self) -> None:
        if self._epochs.current:
            return
        self._recover_soon()
        try:
            await asyncio.wait_for(self._epochs.opened.wait(), self._patience)
        except TimeoutError:
            raise self._gone() from None

    def _lose(self) -> None:
        self._epochs.lose()
        self._recover_soon()

    def _gone(self) -> LedgerUnavailable:
        self._lose()
        return LedgerUnavailable("Redis has to be filled from the books first.")

    def _later(self, name: str, delay: float, run: Any) -> None:
        if name not in self._timers:
            self._timers[name] = self._background.loop.call_later(delay, self._due, name, run)

    def _due(self, name: str, run: Any) -> None:
        del self._timers[name]
        run()

    def _turn_soon(self) -> None:
        if self._pump is None:
            self._pump = self._background.spawn(self._turns(), "ledger.redis", shared=True)

    async def _turns(self) -> None:
        try:
            await self._turn()
            while self._asks or self._debts.uncounted or self._back:
                await self._turn()
        except LedgerUnavailable:
            self._later("turn", AGAIN_AFTER, self._turn_soon)
        finally:
            self._pump = None
        if self.held:
            self._later("beat", BEAT, self._turn_soon)

    async def _turn(self) -> None:
        async with self._turning:
            asks, self._asks = self._asks[:AT_ONCE], self._asks[AT_ONCE:]
            asks = [one for one in asks if not one.answer.cancelled()]
            try:
                await self._exchange(asks)
            except LedgerUnavailable as error:
                # Whether Redis still is the one that we knew is asked before it is used again.
                self._lose()
                self._answered_none(asks, error.message)
                raise
            except asyncio.CancelledError:
                self._answered_none(asks, "The ledger is being closed.")
                raise

    async def _exchange(self, asks: Sequence[_Ask]) -> None:
        if not self._epochs.current:
            raise LedgerUnavailable("Redis has to be filled from the books first.")
        names, epoch = self._names, self._epochs.current
        owed = self._debts.to_count(self._epochs.number, AT_ONCE)
        back, landed = self._back[:AT_ONCE], self._debts.landed[:ROWS]
        commands = [
            names.settle(epoch, one.settlement, one.state, b"" if one.written else one.record)
            for one in owed
        ]
        commands += [names.settle(epoch, _nothing(one), GIVEN_BACK, b"") for one in back]
        commands += [
            names.reserve(epoch, one.hold)
            if one.more is None
            else names.extend(epoch, one.hold, one.more)
            for one in asks
        ]
        if landed:
            commands.append(packed(b"HDEL", names.unwritten, *(one.encode() for one in landed)))
        answers = await self._sent(commands or [packed(b"GET", names.epoch)])
        if not commands:
            lost = answers[0] != epoch
        else:
            lost = LOST in answers
            del self._back[: len(back)], self._debts.landed[: len(landed)]
            self._counted(owed, answers)
            self._answered(asks, answers[len(owed) + len(back) :])
        if lost:
            self._lose()

    async def _sent(self, commands: Sequence[bytes]) -> list[Any]:
        run = self._line.run_id
        try:
            return await self._line.run(commands)
        except LedgerUnavailable:
            # The connection may have been cut; each command may be sent a second time.
            await self._line.connect()
            if self._line.run_id != run:
                raise self._gone() from None
            return await self._line.run(commands)

    def _counted(self, owed: Sequence[Owed], answers: Sequence[Any]) -> None:
        for one, answer in zip(owed, answers, strict=False):
            # What Redis cannot count, for somebody else's value in one of our keys, the books have.
            if answer != LOST:
                self._debts.counted(one, self._epochs.number)

    def _answered(self, asks: Sequence[_Ask], answers: Sequence[Any]) -> None:
        for ask, text in zip(asks, answers, strict=False):
            if isinstance(text, Exception) or text == LOST:
                self._tell(ask, LedgerUnavailable("Redis did not decide on this call."))
                continue
            kind, *rest = text.split()
            if kind == b"0":
                self._tell(ask, _refused(rest))
                continue
            if ask.more is None:
                self.held[ask.hold.id] = ask.hold
            elif known := self.held.get(ask.hold.id):
                self.held[ask.hold.id] = replace(known, amount=known.amount + ask.more)
            self._tell(ask, Granted(tuple(int(one) for one in rest)))

    def _tell(self, ask: _Ask, answer: Granted | Refused | LedgerUnavailable) -> None:
        if not ask.answer.done():
            if isinstance(answer, LedgerUnavailable):
                ask.answer.set_exception(answer)
            else:
                ask.answer.set_result(answer)
        elif ask.more is None and isinstance(answer, Granted):
            # Who asked is gone, and will not settle it.
            self._give_back(ask.hold)

    def _answered_none(self, asks: Sequence[_Ask], words: str) -> None:
        waiting, self._asks = [*asks, *self._asks], []
        for ask in waiting:
            if ask.more is None and ask in asks:
                self._give_back(ask.hold)
            self._tell(ask, LedgerUnavailable(words))

    def _give_back(self, hold: Hold) -> None:
        self.held.pop(hold.id, None)
        self._back.append(hold)
        self._later("turn", SETTLE_WITHIN, self._turn_soon)

    def _write_soon(self) -> None:
        self._background.spawn(self._write_or_later(), "ledger.books")

    async def _write_or_later(self) -> None:
        try:
            await self._write()
        except LedgerUnavailable:
            self._later("write", 4 * AGAIN_AFTER, self._write_soon)
        if self._debts.unwritten:
            self._later("write", WRITE_WITHIN, self._write_soon)

    async def _write(self) -> None:
        async with self._writing:
            # What is settled meanwhile waits for the next time: a few at once cost as one does.
            left = self._debts.unwritten
            while owed := self._debts.to_write(min(ROWS, left), bool(self._epochs.current)):
                left -= len(owed)
                booked = await self._books.book([one.record for one in owed])
                self._debts.written(owed, {id: one.epoch for id, one in booked.items()})

    async def _collect(self) -> None:
        cursor = b"0"
        for _ in range(PAGES):
            scan = packed(b"HSCAN", self._names.unwritten, cursor, b"COUNT", b"500")
            ((cursor, found),) = await self._checked([scan])
            records = found[1::2]
            if records:
                booked = await self._books.book(records)
                commands = [
                    self._names.settle(self._epochs.current, one, SETTLED, b"")
                    for one in corrections(records, booked)
                ]
                await self._checked([*commands, self._names.forget(found)])
            if cursor == b"0":
                return

    def _recover_soon(self) -> None:
        if self._recovery is None and "recover" not in self._timers:
            self._recovery = self._background.spawn(self._recover(), "ledger.refill", shared=True)

    async def _recover(self) -> None:
        try:
            if await self._epochs.find(self.held.values()):
                self._debts.refilled(self._epochs.number)
            else:
                self._later("recover", POLL, self._recover_soon)
        except LedgerUnavailable:
            self._later("recover", AGAIN_AFTER, self._recover_soon)
        finally:
            self._recovery = None
        if self._epochs.current and self._debts.uncounted:
            self._turn_soon()


def _refused(words: Sequence[bytes]) -> Refused:
    kind, index, remaining, used, *more = (int(one) for one in words)
    last = more[0] if more else 0
    if KINDS[kind] == "account":
        return Refused("account", index, remaining, used, held=last)
    return Refused(KINDS[kind], index, remaining, used, max(1, last) / 1000)


def _nothing(hold: Hold) -> Settlement:
    return Settlement(hold, 0, (0,) * len(hold.rates))
