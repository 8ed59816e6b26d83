"""How much of a group's traffic may be retries.

The rule: within ten to twenty seconds, one retry for every five calls and ten more; so a storm of
failures is not multiplied, and a quiet gateway may still try again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SPAN = 10.0
FLOOR = 10
SHARE = 0.2


@dataclass(slots=True)
class _Course:
    until: float
    calls: int = 0
    retries: int = 0
    calls_before: int = 0
    retries_before: int = 0


class RetryBudget:
    """The calls and retries of each group of late; `now` in seconds on a clock that goes forward.

    Groups are the configuration's own names: what clients make up must not be one.
    """

    def __init__(self, share: float = SHARE, floor: int = FLOOR) -> None:
        self._share = share
        self._floor = floor
        self._courses: dict[str, _Course] = {}

    def began(self, group: str, now: float) -> None:
        """A call arrived."""
        course = self._courses.get(group)
        if course is None or now >= course.until:
            course = self._turned(group, now)
        course.calls += 1

    def left(self, now: float) -> Mapping[str, float]:
        """How many retries each group that was called of late could still pay for."""
        found: dict[str, float] = {}
        for group, course in self._courses.items():
            if now < course.until:
                retries = course.retries + course.retries_before
                calls = course.calls + course.calls_before
                found[group] = max(0.0, self._floor + self._share * calls - retries)
        return found

    def spend(self, group: str, now: float, free: bool = False) -> bool:
        """Count one retry if it may be made; a `free` one always may."""
        course = self._courses.get(group)
        if course is None or now >= course.until:
            course = self._turned(group, now)
        retries = course.retries + course.retries_before
        calls = course.calls + course.calls_before
        if not free and retries + 1 > self._floor + self._share * calls:
            return False
        course.retries += 1
        return True

    def _turned(self, group: str, now: float) -> _Course:
        last = self._courses.get(group)
        turned = self._courses[group] = _Course(now + SPAN)
        if last is not None and now < last.until + SPAN:
            turned.calls_before, turned.retries_before = last.calls, last.retries
        return turned
