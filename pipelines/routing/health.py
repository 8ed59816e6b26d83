"""Which deployments rest because they failed.

The rule: a rest ends by itself; then one call, and only one, is let through to try. What the client
did wrong, and a client that leaves, say nothing about a deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pipelines.deployment import Deployment
from pipelines.errors import (
    Busy,
    ConnectFailed,
    Denied,
    FirstByteTimeout,
    GatewayError,
    ModelNotFound,
    Overloaded,
    Rejected,
    StreamBroken,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.routing.policy import OTHERS, Cooldowns, family_of

MINUTE = 60.0
DEFAULT_REST = 5.0
LONGEST_REST = 60.0
FEWEST = 5
# So long a try after a rest keeps all other calls away; then one more is let through.
PROBE_PATIENCE = 10.0
# Who failed less than this ago, and has not answered since, is not taken for healthy.
FRESH = 10.0
# So long others are told that a rest is over, for they may have been out of reach.
TOLD = 3600.0

NOTHING: Mapping[str, float] = MappingProxyType({})

_OUTRIGHT = (ConnectFailed, UpstreamFailed, FirstByteTimeout, StreamBroken)


@dataclass(frozen=True, slots=True)
class Rest:
    """One deployment's rest: until when (seconds since 1970), and why, in words for people;
    `seconds` is how long it was meant to be. `asked` says that the provider itself wants to be left
    alone, `code` which kind of error it was."""

    until: float
    reason: str
    seconds: float = DEFAULT_REST
    asked: bool = False
    code: str = ""

    @property
    def began(self) -> float:
        """When it began, in seconds since 1970."""
        return self.until - self.seconds


# Hears a deployment's id and its rest; None: it is well again.
Hearer = Callable[[str, Rest | None], object]


@dataclass(slots=True)
class _Course:
    """What is counted of one deployment in the running minute; `streak` are the failures since its
    last answer that say it is down."""

    since: float
    calls: int = 0
    fails: int = 0
    families: dict[str, int] = field(default_factory=dict)
    streak: int = 0
    streak_since: float = 0.0
    failed_at: float = 0.0


class Health:
    """The rests of all deployments by their ids; `now` is in seconds since 1970."""

    def __init__(self, cooldowns: Cooldowns | None = None) -> None:
        self._cooldowns = cooldowns or Cooldowns()
        self._rests: dict[str, Rest] = {}
        self._probes: dict[str, float] = {}
        self._courses: dict[str, _Course] = {}
        self._over: dict[str, float] = {}
        self._hearers: list[Hearer] = []
        # By deployment and the status that it failed with at last.
        self.begun: dict[tuple[str, int], int] = {}

    def tell(self, hearer: Hearer) -> None:
        """Let it hear of every rest that begins here, and of those that are found to be over."""
        self._hearers.append(hearer)

    def available(self, deployment: Deployment, now: float) -> bool:
        """Whether calls may go there."""
        return not self._rests or self.pause(deployment, now) <= 0

    def pause(self, deployment: Deployment, now: float) -> float:
        """How many seconds no call should go there; 0 where one may go now."""
        rest = self._rests.get(deployment.id)
        if rest is None:
            return 0.0
        if now < rest.until:
            return rest.until - now
        probe = self._probes.get(deployment.id)
        return 0.0 if probe is None else max(0.0, probe + PROBE_PATIENCE - now)

    def clean(self, deployment: Deployment, now: float) -> bool:
        """Whether nothing speaks against it: it may be asked, and did not fail of late."""
        course = self._courses.get(deployment.id)
        if course is not None and course.failed_at and now < course.failed_at + FRESH:
            return False
        return deployment.id not in self._rests

    def rest(self, id: str, now: float) -> Rest | None:
        """The rest that the deployment takes now."""
        found = self._rests.get(id)
        return found if found is not None and now < found.until else None

    def begin(self, deployment: Deployment, now: float) -> bool:
        """An attempt begins; gives whether it is the one that finds out whether the deployment has
        recovered."""
        if not self._rests or deployment.id not in self._rests:
            return False
        self._probes[deployment.id] = now
        return True

    def failed(
        self,
        deployment: Deployment,
        error: GatewayError,
        now: float,
        alone: bool,
        words: str | None = None,
    ) -> Rest | None:
        """An attempt failed; gives the rest that begins with it, if one does. `alone`: its group
        has no other deployment; `words` stand for the error's own."""
        words = error.message if words is None else words
        if not isinstance(error, UpstreamError) or isinstance(error, Busy):
            self.left(deployment)
            return None
        if isinstance(error, Rejected) and not isinstance(error, ModelNotFound):
            self.succeeded(deployment, now)
            return None
        course = self._failure(deployment.id, error, now)
        probing = self._probes.pop(deployment.id, None) is not None
        if self._cooldowns.disabled or self.rest(deployment.id, now) is not None:
            return None
        last = self._rests.get(deployment.id)
        length = self._length(deployment, error)
        if probing and last is not None:
            length = min(max(LONGEST_REST, length), max(length, 2 * last.seconds))
            reason = f"it failed again after its rest: {words}"
        else:
            found = self._reason(course, deployment, error, alone)
            if found is None:
                return None
            reason = f"{found}: {words}"
        asked = isinstance(error, Overloaded)
        rest = Rest(now + length, reason, length, asked, error.code or error.type)
        self._rests[deployment.id] = rest
        self._courses[deployment.id] = _Course(now, failed_at=now)
        kind = (deployment.id, error.status)
        self.begun[kind] = self.begun.get(kind, 0) + 1
        self._changed(deployment.id, rest)
        return rest

    def succeeded(self, deployment: Deployment, now: float) -> None:
        """An attempt was answered."""
        id = deployment.id
        course = self._courses.get(id)
        if course is None or now >= course.since + MINUTE:
            course = self._courses[id] = _Course(now)
        course.calls += 1
        if course.streak or course.failed_at:
            course.streak, course.failed_at = 0, 0.0
        if self._rests:
            self.answered(deployment, now)

    @property
    def resting(self) -> bool:
        """Whether any deployment rests, or has not shown since its rest that it has recovered."""
        return bool(self._rests)

    @property
    def probing(self) -> bool:
        """Whether any attempt finds out just now whether its deployment has recovered."""
        return bool(self._probes)

    def answered(self, deployment: Deployment, now: float) -> None:
        """A reply begins: a deployment whose rest is over has recovered."""
        rest = self._rests.get(deployment.id)
        if rest is not None and now >= rest.until:
            self.woken(deployment.id, now)

    def left(self, deployment: Deployment) -> None:
        """An attempt ended in a way that says nothing about the deployment."""
        if self._probes:
            self._probes.pop(deployment.id, None)

    def woken(self, id: str, now: float) -> None:
        """Somebody found out that the deployment is well: its rest is over."""
        self._probes.pop(id, None)
        if self._rests.pop(id, None) is not None:
            self._over[id] = now
            self._changed(id, None)

    def rested(self, id: str, rest: Rest) -> None:
        """Somebody found out that the deployment is not well."""
        if self._cooldowns.disabled:
            return
        known = self._rests.get(id)
        self._rests[id] = rest
        if known is None or known.until < rest.began:
            self._changed(id, rest)

    def over(self, now: float) -> Mapping[str, float]:
        """Which rests were found to be over, and when."""
        self._over = {id: at for id, at in self._over.items() if now < at + TOLD}
        return self._over

    def heard(
        self, rests: Mapping[str, Rest], over: Mapping[str, float] = NOTHING, now: float = 0.0
    ) -> None:
        """Rests that began in other processes, and when some were found there to be over; of two
        news of one deployment the later one holds."""
        for id, at in over.items():
            mine = self._rests.get(id)
            if mine is not None and mine.began < at:
                del self._rests[id]
                self._probes.pop(id, None)
            if at > self._over.get(id, 0.0):
                self._over[id] = at
        if self._cooldowns.disabled:
            return
        for id, rest in rests.items():
            mine = self._rests.get(id)
            news = rest.began > self._over.get(id, 0.0) and now < rest.until
            if news and (mine is None or mine.until < rest.until):
                self._rests[id] = rest

    def rests(self, now: float) -> Mapping[str, Rest]:
        """All rests of this moment."""
        return {id: one for id, one in self._rests.items() if now < one.until}

    def keep(self, ids: Iterable[str]) -> None:
        """Forget all deployments but these."""
        kept = frozenset(ids)
        self._rests = {id: one for id, one in self._rests.items() if id in kept}
        self._probes = {id: one for id, one in self._probes.items() if id in kept}
        self._courses = {id: one for id, one in self._courses.items() if id in kept}
        self._over = {id: at for id, at in self._over.items() if id in kept}
        self.begun = {kind: count for kind, count in self.begun.items() if kind[0] in kept}

    def _changed(self, id: str, rest: Rest | None) -> None:
        for hearer in self._hearers:
            hearer(id, rest)

    def _failure(self, id: str, error: UpstreamError, now: float) -> _Course:
        course = self._courses.get(id)
        if course is None or now >= course.since + MINUTE:
            fresh = _Course(now)
            if course is not None and now < course.streak_since + MINUTE:
                fresh.streak, fresh.streak_since = course.streak, course.streak_since
            course = self._courses[id] = fresh
        course.calls += 1
        course.fails += 1
        course.failed_at = now
        family = family_of(error)
        course.families[family] = course.families.get(family, 0) + 1
        if _is_outright(error):
            if not course.streak or now >= course.streak_since + MINUTE:
                course.streak, course.streak_since = 0, now
            course.streak += 1
        return course

    def _reason(
        self, course: _Course, deployment: Deployment, error: UpstreamError, alone: bool
    ) -> str | None:
        cooldowns, family = self._cooldowns, family_of(error)
        by_family = cooldowns.allowed_by_family
        allowed = by_family.get(family, by_family.get(OTHERS))
        fails = course.fails if allowed is None else course.families[family]
        if allowed is None:
            allowed = deployment.allowed_fails
        if allowed is None:
            allowed = cooldowns.allowed_fails
        if allowed is not None:
            return f"over {allowed} failures in a minute" if fails > allowed else None
        if course.streak >= FEWEST:
            return f"{course.streak} failures in a row"
        if alone:
            return None
        if isinstance(error, Overloaded) and error.status == 429:
            return "it is at its limit"
        if isinstance(error, Denied) or (
            # A client may make up the name that a wildcard stands for.
            isinstance(error, ModelNotFound) and "*" not in deployment.group
        ):
            return "it refuses"
        if course.calls >= FEWEST and course.fails * 2 > course.calls:
            return f"{course.fails} of {course.calls} calls failed in a minute"
        return None

    def _length(self, deployment: Deployment, error: UpstreamError) -> float:
        if deployment.cooldown is not None:
            return deployment.cooldown
        if self._cooldowns.seconds is not None:
            return self._cooldowns.seconds
        return min(LONGEST_REST, error.retry_after or DEFAULT_REST)


def _is_outright(error: UpstreamError) -> bool:
    if isinstance(error, _OUTRIGHT):
        return True
    return isinstance(error, Overloaded) and error.status != 429
