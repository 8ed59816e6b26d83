"""What each deployment is doing now, and how it did lately.

The rule: it is counted in this process alone; what other processes count is put beside it by
`heard`, so that no call ever waits for a store. How long replies take is each process' own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MINUTE = 60.0
SAMPLES = 64
MOST = 10_000


@dataclass(slots=True)
class Seen:
    """Figures of one deployment: calls in flight, requests and tokens of the running minute."""

    in_flight: int = 0
    requests: int = 0
    tokens: int = 0


def _samples() -> deque[tuple[float, float]]:
    return deque(maxlen=SAMPLES)


@dataclass(slots=True)
class Course:
    """What is counted of one deployment; `first_bytes` and `paces` are the last samples, each with
    its moment: seconds to the first byte of a stream, and seconds a token of a whole reply."""

    in_flight: int = 0
    minute: int = 0
    requests: int = 0
    tokens: int = 0
    first_bytes: deque[tuple[float, float]] = field(default_factory=_samples)
    paces: deque[tuple[float, float]] = field(default_factory=_samples)


_NONE_SEEN = Seen()


class Traffic:
    """The figures of all deployments by their ids, of at most `most` of them; `now` is in seconds
    since 1970, so that the minutes of all processes are the same ones."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._courses: dict[str, Course] = {}
        self._others: Mapping[str, Seen] = {}
        self._others_minute = 0

    def __len__(self) -> int:
        return len(self._courses)

    def begin(self, id: str, now: float) -> None:
        """An attempt begins."""
        course = self._course(id, now)
        course.in_flight += 1
        course.requests += 1

    def end(self, id: str, now: float, tokens: int = 0) -> None:
        """An attempt is over, however it went."""
        course = self._course(id, now)
        # It may have been forgotten in the meantime.
        if course.in_flight:
            course.in_flight -= 1
        course.tokens += tokens

    def spoke(self, id: str, now: float, seconds: float) -> None:
        """A stream began after so many seconds; or it was waited for so long, and did not."""
        self._course(id, now).first_bytes.append((now, seconds))

    def told(self, id: str, now: float, seconds: float, tokens: int) -> None:
        """A whole reply of so many tokens took so long, or did not come in that time."""
        self._course(id, now).paces.append((now, seconds / max(1, tokens)))

    def seen(self, id: str, now: float) -> Seen:
        """The figures of one deployment, those of other processes included."""
        course = self._courses.get(id)
        minute = int(now // MINUTE)
        found = Seen()
        others = self._others.get(id) if self._others else None
        if others is not None:
            found.in_flight = others.in_flight
            if self._others_minute == minute:
                found.requests, found.tokens = others.requests, others.tokens
        if course is not None:
            found.in_flight += course.in_flight
            if course.minute == minute:
                found.requests += course.requests
                found.tokens += course.tokens
        return found

    def latency(self, id: str, streaming: bool, since: float, most: int) -> float | None:
        """The mean of the last `most` samples that are not older than `since`: seconds to the first
        byte of streams, or seconds a token of whole replies; None where there are none."""
        course = self._courses.get(id)
        if course is None:
            return None
        total, count = 0.0, 0
        for at, seconds in reversed(course.first_bytes if streaming else course.paces):
            if count == most or at < since:
                break
            total += seconds
            count += 1
        return total / count if count else None

    def late(self, ids: Iterable[str], share: float = 0.95, least: int = 20) -> float | None:
        """After how many seconds so large a share of the streams of these deployments had begun;
        None where fewer than `least` are known."""
        found: list[float] = []
        for id in ids:
            course = self._courses.get(id)
            if course is not None:
                found += [seconds for _, seconds in course.first_bytes]
        if len(found) < least:
            return None
        found.sort()
        return found[min(len(found) - 1, int(len(found) * share))]

    def own(self, now: float) -> Mapping[str, Seen]:
        """The figures that this process counts itself, without deployments where nothing is."""
        minute = int(now // MINUTE)
        found = {
            id: Seen(one.in_flight, one.requests, one.tokens)
            if one.minute == minute
            else Seen(one.in_flight)
            for id, one in self._courses.items()
        }
        return {id: one for id, one in found.items() if one != _NONE_SEEN}

    def heard(self, others: Mapping[str, Seen], now: float) -> None:
        """What all other processes together count by now."""
        self._others, self._others_minute = others, int(now // MINUTE)

    def keep(self, ids: Iterable[str]) -> None:
        """Forget all deployments but these."""
        kept = frozenset(ids)
        self._courses = {id: one for id, one in self._courses.items() if id in kept}

    def _course(self, id: str, now: float) -> Course:
        course = self._courses.get(id)
        minute = int(now // MINUTE)
        if course is None:
            if len(self._courses) >= self._most:
                self._forget(minute)
            course = self._courses[id] = Course(minute=minute)
        elif course.minute != minute:
            course.minute, course.requests, course.tokens = minute, 0, 0
        return course

    def _forget(self, minute: int) -> None:
        idle = [id for id, one in self._courses.items() if one.minute != minute]
        for id in idle or [next(iter(self._courses))]:
            del self._courses[id]
