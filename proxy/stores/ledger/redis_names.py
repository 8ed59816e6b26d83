"""The keys of the ledger in Redis, and the commands that a hold becomes.

The rule: all keys carry one hash tag, so that one server has them all.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from pipelines.ledger import Hold, Rate, Settlement, Slot
from proxy.stores.ledger.owed import GIVEN_BACK, State
from proxy.stores.ledger.redis_line import HASHES, packed

PREFIX = "{headgate}"
# Seconds that a hold which ended is known: for so long it cannot be settled twice.
REMEMBERED = b"600"


class Names:
    """Makes keys and commands under one prefix; `epoch` is what the scripts must find there."""

    def __init__(self, prefix: str, lease: float) -> None:
        self._prefix = prefix.encode()
        self._lease = b"%d" % int(lease * 1000)
        self.epoch = self._prefix + b":epoch"
        self.leases = self._prefix + b":leases"
        self.unwritten = self._prefix + b":unwritten"
        self.holds = self._prefix + b":h:"
        self.everything = self._prefix + b":*"

    def account(self, name: str) -> bytes:
        """The key of an account: `s` is spent, `h` held."""
        return self._prefix + b":a:" + name.encode()

    def reserve(self, epoch: bytes, hold: Hold) -> bytes:
        """The command that takes a hold."""
        limits = [b"" if one.limit is None else b"%d" % one.limit for one in hold.accounts]
        for rate in hold.rates:
            limits += (b"%d" % rate.limit, b"%d" % rate.cost, b"%d" % rate.width)
        limits += [b"%d" % one.limit for one in hold.slots]
        keys = [self.epoch, self.leases, self.holds + hold.id.encode(), *self._parts(hold)]
        return packed(
            b"EVALSHA",
            HASHES["reserve"],
            b"%d" % len(keys),
            *keys,
            epoch,
            hold.id.encode(),
            self._lease,
            b"%d" % hold.amount,
            tail(hold.id, [one.name for one in hold.accounts]),
            b"%d" % len(hold.accounts),
            b"%d" % len(hold.rates),
            b"%d" % len(hold.slots),
            *limits,
        )

    def extend(self, epoch: bytes, hold: Hold, amount: int) -> bytes:
        """The command that adds to a hold."""
        limits = [b"" if one.limit is None else b"%d" % one.limit for one in hold.accounts]
        keys = [self.epoch, self.holds + hold.id.encode()]
        keys += [self.account(one.name) for one in hold.accounts]
        count = b"%d" % len(keys)
        return packed(b"EVALSHA", HASHES["extend"], count, *keys, epoch, b"%d" % amount, *limits)

    def settle(self, epoch: bytes, settlement: Settlement, state: State, record: bytes) -> bytes:
        """The command that ends a hold; the record is empty where the books have it."""
        hold = settlement.hold
        keys = [self.epoch, self.leases, self.holds + hold.id.encode(), self.unwritten]
        keys += self._parts(hold)
        changes: list[bytes] = []
        for index, rate in enumerate(hold.rates):
            used = settlement.used[index] if index < len(settlement.used) else rate.cost
            changes += (b"%d" % rate.width, b"%d" % (used - rate.cost))
        return packed(
            b"EVALSHA",
            HASHES["settle"],
            b"%d" % len(keys),
            *keys,
            epoch,
            hold.id.encode(),
            b"" if state == GIVEN_BACK else b"%d" % settlement.cost,
            REMEMBERED,
            record,
            b"%d" % len(hold.accounts),
            b"%d" % len(hold.rates),
            *changes,
        )

    def renew(self, hold: Hold) -> bytes:
        """The command that moves the leases of a hold."""
        slots = [self._slot(one) for one in hold.slots]
        count = b"%d" % (1 + len(slots))
        id = hold.id.encode()
        return packed(b"EVALSHA", HASHES["renew"], count, self.leases, *slots, self._lease, id)

    def reap(self, epoch: bytes, most: int) -> bytes:
        """The command that settles in full what nobody renews."""
        keys = (self.epoch, self.leases, self.unwritten)
        return packed(
            b"EVALSHA", HASHES["reap"], b"3", *keys, epoch, self.holds, b"%d" % most, REMEMBERED
        )

    def set_spent(self, epoch: bytes, name: str, spent: int, id: str) -> bytes:
        """The command that writes a sum anew."""
        keys = (self.epoch, self.account(name), self.unwritten)
        last = tail(id, [name])
        return packed(
            b"EVALSHA", HASHES["set"], b"3", *keys, epoch, b"%d" % spent, id.encode(), last
        )

    def forget(self, pairs: Sequence[bytes]) -> bytes:
        """The command that takes away records, ids and records by turns."""
        return packed(b"EVALSHA", HASHES["forget"], b"1", self.unwritten, *pairs)

    def used(self, rates: Sequence[Rate]) -> bytes:
        """The command that tells what rates have used."""
        keys = [self._rate(one) for one in rates]
        widths = [b"%d" % one.width for one in rates]
        return packed(b"EVALSHA", HASHES["used"], b"%d" % len(keys), *keys, *widths)

    def _parts(self, hold: Hold) -> list[bytes]:
        keys = [self.account(one.name) for one in hold.accounts]
        keys += [self._rate(one) for one in hold.rates]
        keys += [self._slot(one) for one in hold.slots]
        return keys

    def _rate(self, rate: Rate) -> bytes:
        return b"%b:r:%d:%b" % (self._prefix, rate.width, rate.name.encode())

    def _slot(self, slot: Slot) -> bytes:
        return self._prefix + b":s:" + slot.name.encode()


def tail(id: str, accounts: Sequence[str]) -> bytes:
    """The end of a record for the books, which says whose it is."""
    return orjson.dumps({"id": id, "accounts": accounts})[1:-1]


def record(settlement: Settlement, state: State) -> bytes:
    """A whole record for the books."""
    accounts = [one.name for one in settlement.hold.accounts]
    return b'{"cost":%d,"state":%d,%b}' % (
        settlement.cost,
        state,
        tail(settlement.hold.id, accounts),
    )
