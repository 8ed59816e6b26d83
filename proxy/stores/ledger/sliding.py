"""How much happened in the last so many seconds.

The rule: a bucket counts in full until it is wholly outside, so no interval ever holds more than
the limit, and at most one part in `PARTS` less.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

PARTS = 120


class Sliding:
    """The sum over a sliding interval of `width` seconds, in buckets of a `PARTS`th of it."""

    __slots__ = ("_buckets", "_step", "total", "width")

    def __init__(self, width: int, buckets: Iterable[tuple[int, int]] = ()) -> None:
        self.width = width
        self._step = width / PARTS
        self._buckets: deque[list[int]] = deque(list(one) for one in buckets)
        self.total = sum(one[1] for one in self._buckets)

    @property
    def buckets(self) -> list[list[int]]:
        """Number and amount of each bucket, the oldest first."""
        return list(self._buckets)

    def used(self, now: float) -> int:
        """What counts at `now`, in seconds."""
        oldest = int(now / self._step) - PARTS
        buckets = self._buckets
        while buckets and buckets[0][0] < oldest:
            self.total -= buckets.popleft()[1]
        return self.total

    def add(self, now: float, amount: int) -> int:
        """Count the amount; gives the number of its bucket."""
        # A clock that goes back counts into the newest bucket there is.
        number = int(now / self._step)
        buckets = self._buckets
        if buckets and buckets[-1][0] >= number:
            buckets[-1][1] += amount
            number = buckets[-1][0]
        else:
            buckets.append([number, amount])
        self.total += amount
        return number

    def change(self, number: int, difference: int) -> None:
        """Correct the amount of a bucket that still counts; never below zero."""
        for bucket in reversed(self._buckets):
            if bucket[0] == number:
                difference = max(difference, -bucket[1])
                bucket[1] += difference
                self.total += difference
                return
            if bucket[0] < number:
                return

    def wait(self, now: float, cost: int, limit: int) -> float:
        """Seconds until `cost` more fits under the limit."""
        need = self.used(now) + cost - limit
        for number, amount in self._buckets:
            need -= amount
            if need <= 0:
                return max(0.001, (number + PARTS + 1) * self._step - now)
        return float(self.width)
