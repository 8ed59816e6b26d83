"""The rows of the SQLite ledger, and what a hold does to them.

The rule: everything here runs inside a transaction that somebody else opened, on the one
connection of this process.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipelines.ledger import Balance, Granted, Hold, Rate, Refused
from proxy.stores.ledger.sliding import Sliding

SETTLED, ESTIMATED, ORPHANED = range(3)

_TAKE = (
    "INSERT INTO accounts(name, held) VALUES(?1, ?2)"
    " ON CONFLICT(name) DO UPDATE SET held = held + ?2"
)
_SPEND = (
    "INSERT INTO accounts(name, spent, held) VALUES(?1, ?2, 0)"
    " ON CONFLICT(name) DO UPDATE SET spent = spent + ?2, held = held - ?3"
)
_KEEP_RATE = (
    "INSERT INTO rates(name, width, buckets) VALUES(?1, ?2, ?3)"
    " ON CONFLICT(name) DO UPDATE SET width = ?2, buckets = ?3"
)


class Books:
    """Reads and writes the tables of one ledger."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._run_many = connection.executemany

    def reserve(self, hold: Hold, now: float, owner: str, deadline: float) -> Granted | Refused:
        """Take the hold, or nothing of it."""
        known = self._run(
            "SELECT 1 FROM holds WHERE id = ?1 UNION ALL SELECT 1 FROM entries WHERE id = ?1",
            (hold.id,),
        ).fetchone()
        slidings = [self.sliding(one) for one in hold.rates]
        if known is None:
            refused = self._refusal(hold, slidings, now)
            if refused is not None:
                return refused
            self._take(hold, slidings, now, owner, deadline)
        return Granted(
            tuple(
                max(0, rate.limit - sliding.used(now))
                for rate, sliding in zip(hold.rates, slidings, strict=True)
            )
        )

    def extend(self, hold: Hold, amount: int) -> Granted | Refused:
        """Add to what a hold holds, or nothing."""
        held = self._run("SELECT amount FROM holds WHERE id = ?", (hold.id,)).fetchone()
        if held is None:
            return Refused("account", 0, 0)
        refused = self._over(hold, amount)
        if refused is None:
            self._run_many(_TAKE, [(one.name, amount) for one in hold.accounts])
            self._run("UPDATE holds SET amount = amount + ? WHERE id = ?", (amount, hold.id))
            return Granted()
        return refused

    def add(self, id: str, amount: int) -> None:
        """Add to what a hold holds, whatever the limits say; nothing where there is no such
        hold."""
        row = self._run("SELECT parts FROM holds WHERE id = ?", (id,)).fetchone()
        if row is not None:
            names = orjson.loads(row[0])["accounts"]
            self._run_many(_TAKE, [(name, amount) for name in names])
            self._run("UPDATE holds SET amount = amount + ? WHERE id = ?", (amount, id))

    def settle(
        self,
        id: str,
        hold: Hold | None,
        cost: int,
        used: Sequence[int],
        state: int,
        now: float,
    ) -> None:
        """Put what was spent in the hold's place, once; `hold` is needed where none was taken."""
        entry = self._run("SELECT cost, state FROM entries WHERE id = ?", (id,)).fetchone()
        if entry is not None and entry[1] != ORPHANED:
            return
        row = self._run("SELECT amount, parts FROM holds WHERE id = ?", (id,)).fetchone()
        amount = 0
        parts: dict[str, Any] = {}
        if row is not None:
            amount, parts = row[0], orjson.loads(row[1])
            self._release(id, parts, used)
        names = parts.get("accounts") or [one.name for one in (hold.accounts if hold else ())]
        before = entry[0] if entry is not None else 0
        self._run_many(_SPEND, [(name, cost - before, amount) for name in names])
        self._run(
            "INSERT INTO entries(id, at, cost, state, accounts) VALUES(?1, ?2, ?3, ?4, ?5)"
            " ON CONFLICT(id) DO UPDATE SET cost = ?3, state = ?4",
            (id, now, cost, state, orjson.dumps(names)),
        )

    def balances(self, names: Sequence[str]) -> Mapping[str, Balance]:
        """What stands in these accounts."""
        rows = {name: Balance() for name in names}
        for name, spent, held in self._accounts(names):
            rows[name] = Balance(spent, held)
        return rows

    def set_spent(self, name: str, spent: int, now: float) -> None:
        """Write an account's sum anew, as an entry of its own."""
        difference = spent - self.balances([name])[name].spent
        self._run(_SPEND, (name, difference, 0))
        self._run(
            "INSERT INTO entries(id, at, cost, state, accounts) VALUES(?, ?, ?, ?, ?)",
            (f"set:{uuid.uuid4().hex}", now, difference, SETTLED, orjson.dumps([name])),
        )

    def total(self, name: str) -> int:
        """The sum of all entries of an account."""
        row = self._run(
            "SELECT coalesce(sum(cost), 0) FROM entries"
            " WHERE EXISTS (SELECT 1 FROM json_each(CAST(accounts AS TEXT)) WHERE value = ?)",
            (name,),
        ).fetchone()
        return int(row[0])

    def renew(self, owner: str, deadline: float) -> None:
        """Move the leases of one process."""
        self._run("UPDATE holds SET deadline = ? WHERE owner = ?", (deadline, owner))

    def expired(self, now: float) -> list[tuple[str, int]]:
        """The holds whose lease is over, with their amounts."""
        return self._run("SELECT id, amount FROM holds WHERE deadline < ?", (now,)).fetchall()

    def sliding(self, rate: Rate) -> Sliding:
        """What a rate has used."""
        row = self._run("SELECT width, buckets FROM rates WHERE name = ?", (rate.name,)).fetchone()
        if row is None or row[0] != rate.width:
            return Sliding(rate.width)
        return Sliding(rate.width, orjson.loads(row[1]))

    def _accounts(self, names: Sequence[str]) -> list[tuple[str, int, int]]:
        marks = ",".join("?" * len(names))
        return self._run(
            f"SELECT name, spent, held FROM accounts WHERE name IN ({marks})",
            tuple(names),
        ).fetchall()

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
            row = self._run("SELECT count(*) FROM slots WHERE name = ?", (slot.name,)).fetchone()
            if row[0] >= slot.limit:
                return Refused("slot", index, 0, row[0], 1.0)
        return None

    def _over(self, hold: Hold, amount: int) -> Refused | None:
        limited = [one.name for one in hold.accounts if one.limit is not None]
        if not limited:
            return None
        known = {name: (spent, held) for name, spent, held in self._accounts(limited)}
        for index, account in enumerate(hold.accounts):
            if account.limit is None:
                continue
            spent, held = known.get(account.name, (0, 0))
            used = spent + held
            if used + amount > account.limit or used >= account.limit:
                left = max(0, account.limit - used)
                return Refused("account", index, left, used, held=held)
        return None

    def _take(
        self, hold: Hold, slidings: Sequence[Sliding], now: float, owner: str, deadline: float
    ) -> None:
        if hold.amount:
            self._run_many(_TAKE, [(one.name, hold.amount) for one in hold.accounts])
        rates = []
        for rate, sliding in zip(hold.rates, slidings, strict=True):
            bucket = sliding.add(now, rate.cost)
            rates.append((rate.name, rate.width, rate.cost, bucket))
            self._run(_KEEP_RATE, (rate.name, rate.width, orjson.dumps(sliding.buckets)))
        if hold.slots:
            self._run_many(
                "INSERT INTO slots(name, hold) VALUES(?, ?)",
                [(one.name, hold.id) for one in hold.slots],
            )
        parts = {
            "accounts": [one.name for one in hold.accounts],
            "rates": rates,
            "slots": [one.name for one in hold.slots],
        }
        self._run(
            "INSERT INTO holds(id, amount, deadline, owner, parts) VALUES(?, ?, ?, ?, ?)",
            (hold.id, hold.amount, deadline, owner, orjson.dumps(parts)),
        )

    def _release(self, id: str, parts: Mapping[str, Any], used: Sequence[int]) -> None:
        for (name, width, cost, bucket), truth in zip(parts["rates"], used, strict=False):
            if truth == cost:
                continue
            rate = Rate(name, 0, cost, width)
            sliding = self.sliding(rate)
            sliding.change(bucket, truth - cost)
            self._run(_KEEP_RATE, (name, width, orjson.dumps(sliding.buckets)))
        if parts["slots"]:
            self._run_many(
                "DELETE FROM slots WHERE name = ? AND hold = ?",
                [(name, id) for name in parts["slots"]],
            )
        self._run("DELETE FROM holds WHERE id = ?", (id,))
