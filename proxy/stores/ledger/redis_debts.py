"""What was settled and is not yet both in Redis and in the books.

The rule: Redis of an epoch has what was written in the books before that epoch, so an entry is
counted in Redis if it was written since, or not at all yet; and it is forgotten only when both
have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from pipelines.ledger import Settlement
from proxy.stores.ledger.owed import KEPT_WAITING, State, state_of
from proxy.stores.ledger.redis_names import record


@dataclass(slots=True, eq=False)
class Owed:
    """One settlement; the numbers are those of the epochs in which it was counted and written."""

    settlement: Settlement
    state: State
    record: bytes
    counted: int | None = None
    written: int | None = None


class Debts:
    """Keeps them in their order."""

    def __init__(self) -> None:
        self._uncounted: dict[str, Owed] = {}
        self._unwritten: dict[str, Owed] = {}
        self.landed: list[str] = []

    @property
    def uncounted(self) -> int:
        """How many Redis does not have."""
        return len(self._uncounted)

    @property
    def unwritten(self) -> int:
        """How many the books do not have."""
        return len(self._unwritten)

    def add(self, settlement: Settlement) -> None:
        """Owe a settlement; a second time changes nothing."""
        id = settlement.hold.id
        if id in self._uncounted or id in self._unwritten:
            return
        state = state_of(settlement)
        owed = Owed(settlement, state, record(settlement, state))
        self._uncounted[id] = self._unwritten[id] = owed
        if len(self._unwritten) > KEPT_WAITING:
            # Redis keeps a record of it as well, until the books have it.
            del self._unwritten[next(iter(self._unwritten))]

    def to_count(self, epoch: int, most: int) -> list[Owed]:
        """The next ones that Redis of this epoch has to count."""
        found: list[Owed] = []
        for id, owed in list(self._uncounted.items()):
            if owed.written is not None and owed.written < epoch:
                del self._uncounted[id]
            else:
                found.append(owed)
                if len(found) >= most:
                    break
        return found

    def to_write(self, most: int, counted: bool = False) -> list[Owed]:
        """The next ones for the books; while Redis answers, only what is `counted`, so that it
        never has less than the books."""
        found = (one for one in self._unwritten.values() if one.counted is not None or not counted)
        return list(islice(found, most))

    def counted(self, owed: Owed, epoch: int) -> None:
        """Redis has it now."""
        owed.counted = epoch
        id = owed.settlement.hold.id
        self._uncounted.pop(id, None)
        if owed.written is not None:
            self.landed.append(id)

    def written(self, owed: Iterable[Owed], epochs: Mapping[str, int]) -> None:
        """The books have them now."""
        for one in owed:
            id = one.settlement.hold.id
            one.written = epochs.get(id, 0)
            self._unwritten.pop(id, None)
            if one.counted is None:
                continue
            self.landed.append(id)
            if one.counted < one.written:
                # Redis was filled in between, and without it.
                self._uncounted[id] = one

    def refilled(self, epoch: int) -> None:
        """Redis was filled anew: what is in neither has to be counted again."""
        for id, owed in self._unwritten.items():
            if owed.counted is not None and owed.counted < epoch:
                self._uncounted[id] = owed
