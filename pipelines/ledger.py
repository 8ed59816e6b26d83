"""What a ledger is asked: may this be spent, and what was spent in the end.

The rule: a hold is all or nothing over every account, rate and slot that it names, and what is held
counts as spent for everybody else; it is settled once, whatever happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

LEASE = 30.0
RATE_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Account:
    """A sum of money under a name, such as `key:4f…` or `team:red@30d/1793491200`.

    `limit` is in nano-dollars; None: it is counted, and never refuses.
    """

    name: str
    limit: int | None = None


@dataclass(slots=True)
class Rate:
    """How much may happen in any `width` seconds, such as `rpm:key:4f…`; `cost` is what this call
    takes of it (requests or tokens)."""

    name: str
    limit: int
    cost: int = 1
    width: int = RATE_WIDTH


@dataclass(frozen=True, slots=True)
class Slot:
    """How many calls may run at once under a name, such as `parallel:key:4f…`."""

    name: str
    limit: int


@dataclass(slots=True)
class Hold:
    """What one attempt takes before it is sent; `id` is its own, `amount` in nano-dollars.

    Names within one hold are distinct. The lease is renewed by the ledger that took it for as long
    as its process lives; a hold whose lease ran out (`LEASE` seconds) is settled at its full amount
    and marked estimated.
    """

    id: str
    amount: int
    accounts: tuple[Account, ...] = ()
    rates: tuple[Rate, ...] = ()
    slots: tuple[Slot, ...] = ()


@dataclass(slots=True)
class Granted:
    """The hold stands; `remaining` is what is left of each of its rates, in their order."""

    remaining: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The hold was not taken, and nothing of it: the first limit in its way.

    `index` counts within accounts, rates or slots; `remaining` is what is left there, and `spent`
    what is spent and held (nano-dollars) or used, `held` what of it others may give back;
    `retry_after` is in seconds.
    """

    kind: Literal["account", "rate", "slot"]
    index: int
    remaining: int
    spent: int = 0
    retry_after: float | None = None
    held: int = 0


@dataclass(slots=True)
class Settlement:
    """What became of a hold: `cost` in nano-dollars, `used` what was really taken of each of its
    rates, in their order (empty: as held).

    A hold that was never reserved (nobody limits it) is settled all the same: its cost is added to
    its accounts once.
    """

    hold: Hold
    cost: int
    used: tuple[int, ...] = ()
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """What stands in an account, in nano-dollars."""

    spent: int = 0
    held: int = 0


class Ledger(Protocol):
    """Keeps accounts, rates and slots; exact over every process that shares it."""

    async def reserve(self, hold: Hold) -> Granted | Refused:
        """Take the hold, or nothing of it; a second time with the same id changes nothing.

        Raises LedgerUnavailable.
        """

    async def extend(self, hold: Hold, amount: int) -> Granted | Refused:
        """Add nano-dollars to what a hold that was granted holds, or nothing.

        Raises LedgerUnavailable.
        """

    def settle(self, settlement: Settlement) -> None:
        """Put what was spent in the hold's place, once; never waits and never raises."""

    async def balances(self, names: Sequence[str]) -> Mapping[str, Balance]:
        """What stands in these accounts; a name nobody used has nothing. Raises
        LedgerUnavailable."""

    async def used(self, rates: Sequence[Rate]) -> tuple[int, ...]:
        """What these rates have used in their width until now. Raises LedgerUnavailable."""

    async def set_spent(self, name: str, spent: int) -> None:
        """Write an account's sum anew, as an entry of its own. Raises LedgerUnavailable."""

    async def total(self, name: str) -> int:
        """The sum of all entries of an account: equals its `spent`, or something is wrong."""

    async def tend(self) -> None:
        """Renew the leases of this process and settle the holds of the dead; called every few
        seconds."""

    async def prune(self, older: float) -> None:
        """Make one entry an account of those older than so many seconds; no sum changes. Raises
        LedgerUnavailable."""

    async def flush(self) -> None:
        """Wait until everything that was settled is written."""

    async def close(self) -> None:
        """Flush, and let go of the store."""
