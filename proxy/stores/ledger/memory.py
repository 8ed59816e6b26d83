"""The ledger of one process without a store: exact, and gone with the process.

The rule: nothing waits between the test and the taking, so no two holds can be let in on one sum.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipelines.clock import Clock
from pipelines.ledger import (
    Balance,
    Granted,
    Hold,
    Rate,
    Refused,
    Settlement,
)
from proxy.stores.ledger.sliding import Sliding

KEPT_SETTLED = 100_000


@dataclass(slots=True)
class _Account:
    spent: int = 0
    held: int = 0
    entered: int = 0


@dataclass(slots=True)
class _Held:
    hold: Hold
    amount: int
    accounts: list[_Account]
    slidings: list[Sliding]
    buckets: list[int]


class MemoryLedger:
    """Accounts, rates and slots in dictionaries; times come from the clock's monotonic seconds."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.monotonic
        self._accounts: dict[str, _Account] = {}
        self._rates: dict[str, Sliding] = {}
        self._slots: dict[str, dict[str, None]] = {}
        self._holds: dict[str, _Held] = {}
        self._settled: OrderedDict[str, None] = OrderedDict()

    def load(self, name: str, spent: int) -> None:
        """Begin with what was spent before, in nano-dollars."""
        known = self._account(name)
        known.spent = known.entered = spent

    @property
    def held(self) -> Collection[str]:
        """The ids of the holds that are not settled."""
        return self._holds.keys()

    def holds(self, id: str) -> bool:
        """Whether a hold stands under this id."""
        return id in self._holds

    def settled(self, id: str) -> bool:
        """Whether a hold was settled under this id, as far back as is remembered."""
        return id in self._settled

    def give_back(self, hold: Hold) -> None:
        """Undo a hold, as if it had never been asked for."""
        held = self._holds.pop(hold.id, None)
        if held is not None:
            for account in held.accounts:
                account.held -= held.amount
            self._release(held, (0,) * len(hold.rates))

    async def reserve(self, hold: Hold) -> Granted | Refused:
        """Take the hold, or nothing of it."""
        now, id, amount = self._now(), hold.id, hold.amount
        slidings = [self._sliding(one) for one in hold.rates]
        if id in self._holds or id in self._settled:
            return _granted(hold, [one.used(now) for one in slidings])
        refused = self._refusal(hold, slidings, now)
        if refused is not None:
            return refused
        accounts = [self._account(one.name) for one in hold.accounts]
        for account in accounts:
            account.held += amount
        buckets = [
            sliding.add(now, rate.cost) for sliding, rate in zip(slidings, hold.rates, strict=True)
        ]
        for slot in hold.slots:
            self._slots.setdefault(slot.name, {})[id] = None
        self._holds[id] = _Held(hold, amount, accounts, slidings, buckets)
        return _granted(hold, [one.total for one in slidings])

    async def extend(self, hold: Hold, amount: int) -> Granted | Refused:
        """Add to what a hold holds, or nothing."""
        held = self._holds.get(hold.id)
        if held is None:
            return Refused("account", 0, 0)
        refused = self._over(hold, amount)
        if refused is None:
            for account in held.accounts:
                account.held += amount
            held.amount += amount
            return Granted()
        return refused

    def settle(self, settlement: Settlement) -> None:
        """Put what was spent in the hold's place, once."""
        hold = settlement.hold
        if hold.id in self._settled:
            return
        self._remember(hold.id)
        cost, held = settlement.cost, self._holds.pop(hold.id, None)
        if held is None:
            accounts, amount = [self._account(one.name) for one in hold.accounts], 0
        else:
            accounts, amount = held.accounts, held.amount
            self._release(held, settlement.used)
        for account in accounts:
            account.spent += cost
            account.entered += cost
            account.held -= amount

    async def balances(self, names: Sequence[str]) -> Mapping[str, Balance]:
        """What stands in these accounts."""
        empty = _Account()
        found = {name: self._accounts.get(name, empty) for name in names}
        return {name: Balance(one.spent, one.held) for name, one in found.items()}

    async def used(self, rates: Sequence[Rate]) -> tuple[int, ...]:
        """What these rates have used in their width until now."""
        now = self._now()
        return tuple(self._sliding(one).used(now) for one in rates)

    async def set_spent(self, name: str, spent: int) -> None:
        """Write an account's sum anew."""
        account = self._account(name)
        account.entered += spent - account.spent
        account.spent = spent

    async def total(self, name: str) -> int:
        """The sum of all entries of an account."""
        return self._account(name).entered

    async def tend(self) -> None:
        """Nothing to renew: a hold here lives as long as its process."""

    async def prune(self, older: float) -> None:
        """No entry is kept here but their sum."""

    async def flush(self) -> None:
        """Nothing is waited for."""

    async def close(self) -> None:
        """Nothing is open."""

    def _refusal(self, hold: Hold, slidings: Sequence[Sliding], now: float) -> Refused | None:
        refused = self._over(hold, hold.amount)
        if refused is not None:
            return refused
        for index, (rate, sliding) in enumerate(zip(hold.rates, slidings, strict=True)):
            used = sliding.used(now)
            if used + rate.cost > rate.limit:
                wait = sliding.wait(now, rate.cost, rate.limit)
                return Refused("rate", index, max(0, rate.limit - used), used, wait)
        for index, slot in enumerate(hold.slots):
            running = len(self._slots.get(slot.name, ()))
            if running >= slot.limit:
                return Refused("slot", index, 0, running, 1.0)
        return None

    def _over(self, hold: Hold, amount: int) -> Refused | None:
        for index, account in enumerate(hold.accounts):
            if account.limit is None:
                continue
            known = self._accounts.get(account.name)
            held = known.held if known else 0
            used = known.spent + held if known else 0
            # What is used up refuses also the call that costs nothing.
            if used + amount > account.limit or used >= account.limit:
                left = max(0, account.limit - used)
                return Refused("account", index, left, used, held=held)
        return None

    def _release(self, held: _Held, used: tuple[int, ...]) -> None:
        parts = zip(held.hold.rates, held.slidings, held.buckets, used, strict=False)
        for rate, sliding, bucket, truth in parts:
            if truth != rate.cost:
                sliding.change(bucket, truth - rate.cost)
        for slot in held.hold.slots:
            running = self._slots.get(slot.name)
            if running is not None:
                running.pop(held.hold.id, None)
                if not running:
                    del self._slots[slot.name]

    def _account(self, name: str) -> _Account:
        found = self._accounts.get(name)
        if found is None:
            found = self._accounts[name] = _Account()
        return found

    def _sliding(self, rate: Rate) -> Sliding:
        found = self._rates.get(rate.name)
        if found is None or found.width != rate.width:
            found = self._rates[rate.name] = Sliding(rate.width)
        return found

    def _remember(self, id: str) -> None:
        self._settled[id] = None
        if len(self._settled) > KEPT_SETTLED:
            self._settled.popitem(last=False)


def _granted(hold: Hold, used: Sequence[int]) -> Granted:
    if not used:
        return Granted()
    pairs = zip(hold.rates, used, strict=True)
    return Granted(tuple([max(0, rate.limit - taken) for rate, taken in pairs]))
