"""What to try next, and after which wait, when an attempt has failed.

The rule: another deployment of the group at once, then the same ones again after a wait, then the
group's fallbacks; every count and every wait is bounded.
"""

from __future__ import annotations

from random import Random
from typing import Protocol

from pipelines.deployment import Deployment
from pipelines.errors import Overloaded, Unsupported, UpstreamError
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes

FIRST_WAIT = 0.1
LONGEST_BACKOFF = 8.0


class Chooser(Protocol):
    """A routing strategy."""

    def choose(self, deployments: tuple[Deployment, ...]) -> Deployment:
        """One of the deployments; there is at least one."""


class Tries:
    """The tries of one call: asks for a deployment, hears how it went, asks again.

    `fallbacks` counts the other groups that were visited; waits are in seconds.
    """

    def __init__(self, model: str, routes: Routes, policy: RoutePolicy, random: Random) -> None:
        self._routes = routes
        self._policy = policy
        self._random = random
        self._visited: list[str] = []
        self._waiting: list[str] = []
        self._left: tuple[Deployment, ...] = ()
        self._again: tuple[Deployment, ...] = ()
        self._current: Deployment | None = None
        self._retries = 0
        self.fallbacks = 0
        self._enter(model)

    def next(self, chooser: Chooser) -> Deployment | None:
        """The deployment to try now, or None where the model has none."""
        if not self._left:
            self._left, self._again = self._again, ()
        if not self._left:
            return None
        self._current = chooser.choose(self._left)
        self._left = tuple(one for one in self._left if one.id != self._current.id)
        return self._current

    def failed(self, error: UpstreamError | Unsupported) -> float | None:
        """How long to wait before the next try, or None where there is none."""
        current = self._current
        if current is None:
            return None
        if isinstance(error, Unsupported) and self._left:
            # Nothing was sent: to ask one that can is no retry.
            return 0.0
        if error.retryable:
            self._again = (*self._again, current)
        allowed = self._policy.num_retries
        if current.max_retries is not None:
            allowed = current.max_retries
        if (error.retryable or error.elsewhere) and self._retries < allowed:
            if self._left:
                self._retries += 1
                return 0.0
            wait = self._wait(error)
            if self._again and wait is not None and not self._better_elsewhere(error):
                self._retries += 1
                return wait
        return 0.0 if self._fall_back() else None

    def _enter(self, model: str) -> None:
        group = self._routes.group(model)
        self._visited.append(group)
        self._left, self._again, self._retries = self._routes.find(group), (), 0
        self._waiting = [*self._routes.fallbacks.of(group), *self._waiting]

    def _fall_back(self) -> bool:
        while self._waiting and self.fallbacks < self._routes.fallbacks.depth:
            group = self._routes.group(self._waiting.pop(0))
            if group not in self._visited:
                self._enter(group)
                if self._left:
                    self.fallbacks += 1
                    return True
        return False

    def _better_elsewhere(self, error: UpstreamError | Unsupported) -> bool:
        # As LiteLLM: a rate limit is not waited for while another group may answer.
        groups = (self._routes.group(name) for name in self._waiting)
        return (
            isinstance(error, Overloaded)
            and self.fallbacks < self._routes.fallbacks.depth
            and any(one not in self._visited and self._routes.find(one) for one in groups)
        )

    def _wait(self, error: UpstreamError | Unsupported) -> float | None:
        wait = min(LONGEST_BACKOFF, FIRST_WAIT * 2**self._retries)
        wait *= 0.5 + self._random.random() / 2
        if error.retry_after:
            wait = error.retry_after
        wait = max(wait, self._policy.retry_after)
        return wait if wait <= self._policy.longest_wait else None
