"""What to try next, and after which wait, when an attempt has failed.

The rule: another deployment of the lowest order at once, then the same ones again after a wait,
then the higher orders, then the group's fallbacks; every count and every wait is bounded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any, Literal, Protocol

from pipelines.deployment import Deployment
from pipelines.errors import (
    Busy,
    ConnectFailed,
    ContentRefused,
    ContextTooLong,
    GatewayError,
    Overloaded,
    StreamBroken,
    Unsupported,
    UpstreamError,
)
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.routing.wishes import NO_WISHES, Alternative, Wishes

FIRST_WAIT = 0.1
LONGEST_BACKOFF = 8.0
# As LiteLLM: those whom a provider sends away together do not come back together.
LONGEST_JITTER = 0.75
JITTER = 0.1
# A rest that ends so soon after a wait is waited for.
CLOSE = 0.1

_NOTHING_SENT = (ConnectFailed, Busy)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all calls."""

    routes: Routes
    policy: RoutePolicy
    random: Random


class Choice(Protocol):
    """Knows which deployments may be asked for one call, and which of them first."""

    @property
    def refusal(self) -> GatewayError | None:
        """What the call itself is, where it fits no deployment that was looked at last."""

    def kept(
        self, members: Sequence[Deployment], closed: Collection[str]
    ) -> tuple[Deployment, ...]:
        """Those of a group that may be asked now, all of the lowest order; none that is closed."""

    def roused(
        self, members: Sequence[Deployment], tried: Collection[str]
    ) -> tuple[Deployment, ...]:
        """Those of a group that rest, and were not tried; none that asked to be left alone."""

    def choose(self, kept: tuple[Deployment, ...]) -> Deployment:
        """One of these; there is at least one."""

    def pause(self, deployment: Deployment) -> float:
        """In how many seconds it may be asked again; 0: now."""

    def spend(self, targets: Iterable[Deployment]) -> bool:
        """Whether one more try with one of these may be made; it is counted."""

    def may_use(self, model: str) -> bool:
        """Whether the caller may use the model."""


class Tries:
    """The tries of one call: asks for a deployment, hears how it went, asks again.

    `fallbacks` counts the other groups that were visited, `fields` are those that the call has
    other values of in this group; `spent` says that no more retries could be paid for. Waits are in
    seconds.
    """

    def __init__(
        self, model: str, rules: Rules, choice: Choice, wishes: Wishes = NO_WISHES
    ) -> None:
        self._rules = rules
        self._routes = rules.routes
        self._choice = choice
        self._wishes = wishes
        self._visited: list[str] = []
        self._waiting: list[Alternative] = []
        self._current: Deployment | None = None
        self._kept: tuple[Deployment, ...] = ()
        self._level: int | None = None
        self._tried: set[str] = set()
        self._roused: tuple[Deployment, ...] = ()
        self.fallbacks = 0
        self.spent = False
        self.fields: Mapping[str, Any] = {}
        self._enter(model)

    @property
    def current(self) -> Deployment:
        """The deployment that is tried now."""
        assert self._current is not None
        return self._current

    @property
    def kind(self) -> Literal["retry", "fallback"]:
        """What the try of this moment is, where it is not the first one."""
        return "fallback" if self.fallbacks else "retry"

    @property
    def alone(self) -> bool:
        """Whether the group has no other deployment."""
        return self._alone

    @property
    def spare(self) -> bool:
        """Whether there is something else to try when this fails."""
        if len(self._kept) > 1 or self._waiting or self._higher():
            return True
        if self._expanded or (self._wishes is NO_WISHES and not self._routes.fallbacks.listed):
            return False
        return bool(self._alternatives(None))

    def allowed(self, error: GatewayError | None = None) -> int:
        """How many further tries this group gets after such a failure."""
        policy, wished = self._rules.policy, self._wishes.num_retries
        if wished is not None:
            return wished
        if self._current is not None and self._current.max_retries is not None:
            return self._current.max_retries
        said = None if error is None else policy.retries_of(self._group, error)
        return policy.num_retries if said is None else said

    def next(self) -> Deployment | None:
        """The deployment to try now, or None where there is none."""
        kept, self._roused = self._roused or self._open(), ()
        while not kept:
            if not self._climb() and not self._fall_back(self._choice.refusal):
                return None
            kept = self._open()
        self._kept = kept
        current = self._current = kept[0] if len(kept) == 1 else self._choice.choose(kept)
        self._level = current.order
        self._tried.add(current.id)
        return current

    @property
    def members(self) -> Sequence[Deployment]:
        """All deployments that are asked for it now, whether they may be asked or not."""
        return self._members

    def beside(self) -> Deployment | None:
        """One more deployment, to be asked at the same time as the current one; it is not asked
        again. None where there is none, or no retry can be paid for."""
        current = self.current
        kept = self._choice.kept(self._members, {*self._closed, current.id})
        # That it is well is no reason to ask it without need.
        if not kept or not self._choice.spend(()):
            return None
        found = kept[0] if len(kept) == 1 else self._choice.choose(kept)
        self._closed.add(found.id)
        return found

    def failed(
        self, error: UpstreamError | Unsupported, left: float = inf, going_on: bool = False
    ) -> float | None:
        """How long to wait before the next try, or None where there is none; `left` is how long the
        call may still take. `going_on`: another deployment can take over in the middle."""
        wait = self._further(error, left, going_on)
        if wait is None and not self.spent and (self._repeats(error) or error.elsewhere):
            # A call that fails all the same may find out whether one that rests has recovered.
            members = self._routes.find(self._group)
            self._roused = self._choice.roused(members, self._tried) if len(members) > 1 else ()
            if self._roused and self._paid(error, self._roused):
                return 0.0
        return wait

    def _further(
        self, error: UpstreamError | Unsupported, left: float, going_on: bool
    ) -> float | None:
        current = self._current
        if current is None:
            return None
        self._closed.add(current.id)
        kept = self._open()
        if isinstance(error, Unsupported) or (isinstance(error, _NOTHING_SENT) and kept):
            # Nothing was sent: to ask another one is no retry.
            return 0.0 if kept or self._climb() or self._fall_back(error) else None
        repeats = self._repeats(error)
        if repeats:
            self._again.add(current.id)
        elsewhere = repeats or error.elsewhere or going_on
        if elsewhere and self._retries < self.allowed(error) and not self._special(error):
            wait = 0.0 if kept else self._repeated(error, left)
            if wait is not None:
                self._retries += 1
                return wait if self._paid(error, self._open()) else None
        if elsewhere and self._climb():
            return 0.0 if self._paid(error, self._members) else None
        if not self._fall_back(error):
            return None
        return 0.0 if self._paid(error, self._open()) else None

    def _enter(self, model: str) -> None:
        self._group = group = self._routes.group(model)
        self._visited.append(group)
        self._members = self._routes.find(group)
        self._alone = len(self._members) == 1
        self._expanded = False
        self._renew()

    def _renew(self) -> None:
        self._closed: set[str] = set()
        self._again: set[str] = set()
        self._retries = 0
        self._level = None

    def _open(self) -> tuple[Deployment, ...]:
        members = self._members
        return self._choice.kept(members, self._closed) if members else ()

    def _higher(self) -> tuple[Deployment, ...]:
        level = self._level
        if level is None or self._alone:
            return ()
        return tuple([one for one in self._members if one.order > level])

    def _climb(self) -> bool:
        """Go on with the deployments of the higher orders, if one of them may be asked."""
        higher = self._higher()
        if not higher or not self._choice.kept(higher, ()):
            return False
        self._members = higher
        self._renew()
        return True

    def _repeats(self, error: UpstreamError | Unsupported) -> bool:
        # A stream that broke off before its first byte is one that never began.
        if error.retryable or isinstance(error, StreamBroken):
            return True
        return self._rules.policy.insists(self._group, error)

    def _repeated(self, error: UpstreamError | Unsupported, left: float) -> float | None:
        """Open those again that may recover; gives the wait, or None where it is not worth it."""
        again = [one for one in self._members if one.id in self._again]
        if not again:
            return None
        pause = min(self._choice.pause(one) for one in again)
        higher = self._higher()
        wait = self._wait(error)
        if higher and self._choice.kept(higher, ()):
            wait = 0.0
        if pause > wait + CLOSE or self._better_elsewhere(error):
            return None
        wait = max(wait, pause)
        asked = error.retry_after or 0.0
        if max(asked if wait else 0.0, wait - LONGEST_JITTER) > self._rules.policy.longest_wait:
            return None
        if wait and wait >= left:
            return None
        self._closed -= self._again
        self._again.clear()
        return wait

    def _wait(self, error: UpstreamError | Unsupported) -> float:
        random = self._rules.random.random()
        if error.retry_after:
            wait = error.retry_after + random * min(LONGEST_JITTER, JITTER * error.retry_after)
        else:
            backoff = min(LONGEST_BACKOFF, FIRST_WAIT * 2**self._retries)
            wait = backoff * (0.5 + random / 2)
        return max(wait, self._rules.policy.retry_after)

    def _special(self, error: GatewayError) -> bool:
        if not isinstance(error, ContextTooLong | ContentRefused):
            return False
        return bool(self._meant_for(error))

    def _meant_for(self, error: GatewayError | None) -> Sequence[Alternative]:
        if error is None or self._wishes.disable_fallbacks:
            return ()
        wishes = self._wishes
        own = None
        if not self.fallbacks and isinstance(error, ContextTooLong):
            own = wishes.context_window_fallbacks
        elif not self.fallbacks and isinstance(error, ContentRefused):
            own = wishes.content_policy_fallbacks
        if own is not None:
            return own
        return self._operators(self._routes.fallbacks.after(error, *self._names()))

    def _alternatives(self, error: GatewayError | None) -> list[Alternative]:
        """What to try after this group, in LiteLLM's order: what the client says, what is meant for
        such an error, what the operator says."""
        if self._wishes.disable_fallbacks:
            return []
        own = self._wishes.fallbacks if not self.fallbacks else None
        meant = self._meant_for(error)
        if own is not None:
            return [*own, *meant]
        return [*meant, *self._operators(self._routes.fallbacks.of(*self._names()))]

    def _names(self) -> tuple[str, ...]:
        return names_of(self._group, self._members)

    def _operators(self, names: Sequence[str]) -> list[Alternative]:
        if self._rules.policy.checks_fallbacks:
            return [Alternative(name) for name in names if self._choice.may_use(name)]
        return [Alternative(name) for name in names]

    def _expand(self, error: GatewayError | None) -> None:
        if not self._expanded:
            self._expanded = True
            self._waiting[:0] = self._alternatives(error)

    def _fall_back(self, error: GatewayError | None) -> bool:
        """Go on with the next group that has a deployment which may be asked."""
        self._expand(error)
        while self._waiting and self.fallbacks < self._routes.fallbacks.depth:
            found = self._waiting.pop(0)
            if not self._is_open(found):
                self._pass_over(found)
                continue
            self._enter(found.model)
            self.fields = found.fields
            self.fallbacks += 1
            return True
        return False

    def _pass_over(self, found: Alternative) -> None:
        """What would have been tried after this group is tried in its place."""
        group = self._routes.group(found.model)
        if group not in self._visited:
            self._visited.append(group)
            self._waiting[:0] = self._operators(self._routes.fallbacks.of(group))

    def _is_open(self, found: Alternative) -> bool:
        group = self._routes.group(found.model)
        # The same model may be asked with other fields.
        if group in self._visited and not found.fields:
            return False
        members = self._routes.find(group)
        return bool(members and self._choice.kept(members, ()))

    def _better_elsewhere(self, error: UpstreamError | Unsupported) -> bool:
        # As LiteLLM: a rate limit is not waited for while another group may answer.
        if not isinstance(error, Overloaded):
            return False
        self._expand(error)
        deep = self.fallbacks >= self._routes.fallbacks.depth
        return not deep and any(self._is_open(one) for one in self._waiting)

    def _paid(self, error: GatewayError, targets: Iterable[Deployment]) -> bool:
        if self._choice.spend(targets):
            return True
        self.spent = True
        error.hopeless = True
        error.details = {**(error.details or {}), "retry_budget": "used up"}
        return False


def names_of(group: str, members: Sequence[Deployment]) -> tuple[str, ...]:
    """The names under which the operator may have written down a group's fallbacks."""
    _, slash, bare = group.partition("/")
    pattern = members[0].group if members else group
    return (group, bare, pattern) if slash else (group, pattern)
